"""Three requests to start from, written as a careful analyst would write them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Example:
    """One ready request; a click fills the form with it."""

    name: str  # for the button
    title: str
    description: str
    instructions: str
    records: int
    dataset_mode: bool = False


EXAMPLES: tuple[Example, ...] = (
    Example(
        name="Support tickets",
        title="Support tickets",
        description="One ticket that a customer of an online software service sent to its "
                    "help desk.",
        instructions=(
            "Fields: ticket_id such as TCK-04821; created_at, date and time; customer_name; "
            "customer_email; channel (email, chat, phone or web form); category (billing, "
            "login, bug, feature request or other); priority (low, normal, high or urgent); "
            "subject, at most 80 characters; message, two to five sentences in the customer's "
            "own words; resolved, true or false.\n"
            "Subject, message, category and priority belong together: an outage is urgent, a "
            "question about an invoice is not. About one ticket in ten is urgent. Vary tone and "
            "skill, from terse experts to lost beginners. People and addresses are invented, "
            "mail addresses end in example.com."
        ),
        records=20,
    ),
    Example(
        name="Products with variants",
        title="Product catalogue",
        description="One product of a mid-sized online shop for home, kitchen and garden, with "
                    "its variants and reviews.",
        instructions=(
            "Fields: sku, three capital letters, a dash and five digits; name; category (home, "
            "kitchen, garden or lighting); price with amount (5 to 900) and currency (EUR, GBP "
            "or USD); dimensions with width_cm, height_cm and depth_cm; tags, two to five "
            "lower-case words; variants, a list of one to four with colour, stock (0 to 500) "
            "and extra_price (0 to 80); reviews, a list of at most three with rating (1 to 5), "
            "title and text; in_stock, true or false.\n"
            "Price, size and material fit the kind of product. in_stock is false exactly when "
            "no variant has stock. Reviews may be critical, and say why."
        ),
        records=20,
    ),
    Example(
        name="Spam or ham",
        title="Spam and ham text messages",
        description="One short text message as it arrives on a phone, with its true class, to "
                    "train and test a spam filter.",
        instructions=(
            "Fields: text, the message as received, 20 to 300 characters; sender, a phone number "
            "or a short name; hour, 0 to 23; has_link, true or false; label: spam or ham.\n"
            "About one message in three is spam: false prizes, parcels, banks, job offers. Make "
            "some of it well written. Ham is everyday life: family, work, deliveries, one-time "
            "codes, reminders. Some ham has links, money or capitals, and some spam has none, so "
            "that no single sign gives the class away. Never write the words spam or ham into "
            "the text. Numbers, links and names are invented, links end in .example."
        ),
        records=50,
        dataset_mode=True,
    ),
)
