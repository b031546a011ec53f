"""What the fields of one object share, so that a record makes sense as a whole.

The name and the e-mail address belong together, and so do subject and body, or the
text and its label.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from random import Random

from datagen.model.sample import texts, words
from datagen.model.sample.names import tokens

_KINDS = (
    ("ticket", {"subject", "ticket_id", "ticket", "priority", "agent", "issue", "assignee"}),
    ("product", {"sku", "stock", "in_stock", "product_id", "product_name", "brand", "price"}),
    ("review", {"rating", "review", "stars", "review_text", "sentiment"}),
    ("message", {"message", "sms", "spam", "sender"}),
    ("person", {"email", "phone", "first_name", "last_name", "age", "birth_date", "job"}),
)
_RATINGS = {"rating", "stars", "score"}
_SPAM, _HAM = {"spam", "scam", "phishing", "junk", "fraud"}, {"ham", "legit", "legitimate"}
_GOOD = {"positive", "good", "satisfied", "happy", "5", "4", "excellent"}
_BAD = {"negative", "bad", "unhappy", "angry", "complaint", "1", "2", "poor"}


class Scene:
    """One object's persona, kind of thing, topic and the labels chosen so far."""

    def __init__(self, rng: Random, names: Iterable[str], parent: Scene | None = None) -> None:
        self.rng = rng
        self.names = frozenset("_".join(tokens(name)) for name in names)
        self.labels: set[str] = set() if parent is None else set(parent.labels)
        self._parent = parent

    def note(self, name: str, value: object) -> None:
        """Remember a chosen value that the texts should agree with."""
        if isinstance(value, bool):
            spam = name.lower().removeprefix("is_") in _SPAM
            self.labels |= {"spam" if value else "ham"} if spam else set()
        elif isinstance(value, str) and len(value) <= 40:
            self.labels.add(value.lower())
        elif isinstance(value, int) and _RATINGS.intersection(tokens(name)):
            self.labels.add(str(value))

    @cached_property
    def kind(self) -> str:
        """ticket, product, review, message, person or thing, by the names of the fields."""
        if self.labels & (_SPAM | _HAM):
            return "message"
        scores = {kind: len(self.names & marks) for kind, marks in _KINDS}
        best = max(scores, key=lambda kind: scores[kind])
        if scores[best]:
            return best
        return self._parent.kind if self._parent is not None else "thing"

    @cached_property
    def first_name(self) -> str:
        return self.rng.choice(words.FIRST_NAMES)

    @cached_property
    def last_name(self) -> str:
        return self.rng.choice(words.LAST_NAMES)

    @cached_property
    def place(self) -> tuple[str, str, str, str, str, str, str]:
        """city, country, country code, region, currency, language, start of postal codes."""
        return self.rng.choice(words.PLACES)

    @cached_property
    def company(self) -> str:
        return f"{self.rng.choice(words.COMPANY_STARTS)} {self.rng.choice(words.COMPANY_ENDS)}"

    @cached_property
    def product(self) -> tuple[str, str, str, str, str]:
        """title, category, use, material, adjective."""
        thing, category, use = self.rng.choice(words.PRODUCTS)
        adjective = self.rng.choice(words.PRODUCT_ADJECTIVES)
        material = self.rng.choice(words.PRODUCT_MATERIALS)
        second = self.rng.choice((adjective, material))
        return f"{second} {thing}", category, use, material, adjective

    @cached_property
    def topic(self) -> str:
        """The ticket's topic: what a chosen label points to, else any."""
        for topic, (marks, *_) in texts.TICKETS.items():
            if any(mark in label.split() or mark == label for mark in marks
                   for label in self.labels):
                return topic
        return self.rng.choice(tuple(texts.TICKETS))

    @cached_property
    def mood(self) -> tuple[str, ...]:
        """The sentences of a review that agree with its rating or label."""
        if self.labels & _GOOD:
            return texts.PRAISE
        if self.labels & _BAD:
            return texts.BLAME
        return texts.MIXED if self.labels else self.rng.choice(
            (texts.PRAISE, texts.BLAME, texts.MIXED))

    @cached_property
    def is_spam(self) -> bool:
        if self.labels & _SPAM:
            return True
        return not self.labels & _HAM and self.rng.random() < 0.4  # a plausible share

    @cached_property
    def _subject_index(self) -> int:
        return self.rng.randrange(4)  # subjects, first sentences and wishes go together

    def subject(self) -> str:
        """A headline of at most a line."""
        if self.kind == "ticket":
            return self.fill(texts.TICKETS[self.topic][1][self._subject_index])
        if self.kind == "product":
            return self.product[0]
        if self.kind == "message":
            return self.fill(self.rng.choice(
                ("Your prize of {amount}", "Final notice {code}", "Only {days} hours left"))
                if self.is_spam else self.rng.choice(
                ("Lunch in {city}", "Order {code}", "Plans for {month}")))
        if self.kind == "review":
            return self.fill(self.rng.choice(texts.VERDICTS[self.mood]))
        return self.fill(self.rng.choice(
            ("Visit to {city}", "Report for {month}", "Review of the {product}",
             "Request by {name}", "Notes on {code}")))

    def text(self) -> str:
        """One to four sentences that fit the rest of the object."""
        if self.kind == "ticket":
            _, _, firsts, wishes = texts.TICKETS[self.topic]
            parts = (self.rng.choice(texts.TICKET_OPENINGS), firsts[self._subject_index],
                     wishes[self._subject_index], self.rng.choice(texts.TICKET_ENDINGS))
            return self.fill(" ".join(parts))
        if self.kind == "product":
            return self.fill(self.rng.choice(texts.PRODUCT_DESCRIPTIONS))
        if self.kind == "message":
            return self.fill(self.rng.choice(texts.SPAM if self.is_spam else texts.HAM))
        pool = self.mood if self.kind == "review" else texts.NOTES
        return self.fill(" ".join(self.rng.sample(pool, self.rng.randint(2, 3))))

    def sentence(self) -> str:
        """One plain sentence, to make a text longer."""
        return self.fill(self.rng.choice(texts.NOTES))

    @cached_property
    def _facts(self) -> dict[str, str]:
        title, _, use, material, adjective = self.product
        return {
            "name": self.first_name, "product": title.lower(), "city": self.place[0],
            "use": use, "material": material.lower(), "adjective": adjective,
            "thing": title.split(" ", 1)[1].lower(), "company": self.company,
            "amount": f"{self.rng.randint(12, 990)}.{self.rng.randint(0, 99):02d} "
                      f"{self.place[4]}",
            "code": f"{self.rng.choice('ABCDEFGHKLMNPRSTUVWX')}{self.rng.randint(1000, 99999)}",
            "days": str(self.rng.randint(3, 28)), "month": self.rng.choice(texts.MONTHS),
        }

    def fill(self, template: str) -> str:
        filled = template.format_map(self._facts)
        return filled[:1].upper() + filled[1:]
