"""Realistic strings and number ranges by the name of a field."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from datagen.model.sample import formats, words
from datagen.model.sample.names import tokens
from datagen.model.sample.scene import Scene

_ID_PREFIXES = {"ticket": "T", "order": "O", "product": "P", "customer": "C", "user": "U",
                "message": "M", "review": "R", "transaction": "TX", "event": "E", "patient": "PT",
                "invoice": "INV", "employee": "EMP", "item": "I", "session": "S", "thing": "REC"}


class Span(NamedTuple):
    """The usual range of a number, both ends included."""

    low: float
    high: float
    digits: int  # after the point; 0 = whole


def _full_name(scene: Scene) -> str:
    """A name of what the object is: a product's title, a company, or a person."""
    if scene.kind == "product":
        return scene.product[0]
    return f"{scene.first_name} {scene.last_name}"


def _identifier(scene: Scene, kind: str) -> str:
    return f"{_ID_PREFIXES.get(kind, kind[:3].upper())}-{scene.rng.randint(1, 999_999):06d}"


def _sku(scene: Scene) -> str:
    letters = "".join(scene.rng.choices("ABCDEFGHJKLMNPRSTUVWX", k=3))
    return f"{letters}-{scene.rng.randint(1000, 9999)}"


def _street(scene: Scene) -> str:
    return f"{scene.rng.randint(1, 180)} {scene.rng.choice(words.STREETS)}"


def _postal_code(scene: Scene) -> str:
    return f"{scene.place[6]}{scene.rng.randint(0, 999):03d}"


def _any_of(options: tuple[str, ...]) -> Callable[[Scene], str]:
    return lambda scene: scene.rng.choice(options)


def _version(scene: Scene) -> str:
    return ".".join(str(scene.rng.randint(0, 9)) for _ in range(3))


def _hex_code(scene: Scene) -> str:
    return f"{scene.rng.getrandbits(64):016x}"


_MAKERS: dict[str, Callable[[Scene], str]] = {}


def _names(maker: Callable[[Scene], str], names: str) -> None:
    _MAKERS.update(dict.fromkeys(names.split(), maker))


_names(lambda scene: scene.first_name, "first_name firstname given_name forename")
_names(lambda scene: scene.last_name, "last_name lastname surname family_name")
_names(lambda scene: f"{scene.first_name} {scene.last_name}",
       "full_name fullname customer customer_name user_name_full author reviewer patient agent "
       "assignee sender recipient contact employee manager doctor owner person contact_person "
       "sender_name author_name patient_name employee_name created_by assigned_to host speaker")
_names(_full_name, "name display_name")
_names(lambda scene: f"{scene.first_name}{scene.rng.randint(10, 99)}".lower(),
       "username user_name login handle nickname")
_names(lambda scene: formats.email(scene.rng, scene.first_name, scene.last_name),
       "email mail email_address")
_names(lambda scene: f"+1-555-01{scene.rng.randint(0, 99):02d}-{scene.rng.randint(100, 999)}",
       "phone telephone mobile phone_number fax tel")
_names(lambda scene: scene.place[0], "city town location destination origin venue birthplace")
_names(lambda scene: scene.place[1], "country nationality")
_names(lambda scene: scene.place[2], "country_code")
_names(lambda scene: scene.place[3], "region state province county")
_names(lambda scene: scene.place[4], "currency currency_code")
_names(lambda scene: scene.place[5], "language_code locale lang")
_names(_any_of(words.LANGUAGES), "language")
_names(_street, "street street_address address_line1 address_line line1")
_names(lambda scene: f"{_street(scene)}, {_postal_code(scene)} {scene.place[0]}, "
                     f"{scene.place[1]}", "address")
_names(_postal_code, "zip zipcode zip_code postal_code postcode")
_names(lambda scene: scene.company, "company organization organisation employer vendor supplier "
       "company_name merchant brand manufacturer seller store shop business")
_names(lambda scene: scene.product[0], "product product_name item item_name product_title")
_names(lambda scene: scene.product[1], "product_category")
_names(lambda scene: scene.product[1] if scene.kind == "product" else
       scene.topic if scene.kind == "ticket" else scene.rng.choice(words.TOPICS),
       "category type kind topic subcategory")
_names(lambda scene: scene.product[3].lower(), "material fabric")
_names(lambda scene: scene.subject(), "subject title headline summary caption heading")
_names(lambda scene: scene.text(), "message body description text content comment comments review "
       "note notes feedback question answer reply details abstract bio story reason explanation "
       "review_text sms transcript email_body paragraph instructions resolution remark")
_names(lambda scene: formats.url(scene.rng), "url link website homepage uri site web")
_names(lambda scene: formats.url(scene.rng) + ".jpg", "image image_url photo avatar picture")
_names(lambda scene: formats.date(scene.rng), "date day birthday birth_date dob due_date "
       "date_of_birth start_date end_date deadline joined hired")
_names(lambda scene: formats.date_time(scene.rng), "created updated timestamp datetime date_time "
       "sent received opened closed time_stamp")
_names(lambda scene: formats.time(scene.rng)[:5], "time start_time end_time hour")
_names(lambda scene: formats.uuid(scene.rng), "uuid guid")
_names(_sku, "sku article_number part_number model_number code reference ref promo_code coupon")
_names(_any_of(words.STATUSES), "status stage")
_names(_any_of(words.PRIORITIES), "priority severity urgency level importance")
_names(_any_of(words.COLORS), "color colour")
_names(_any_of(("XS", "S", "M", "L", "XL")), "size")
_names(_any_of(words.JOBS), "job job_title occupation profession position role")
_names(_any_of(words.DEPARTMENTS), "department team division unit_name")
_names(_any_of(words.TAGS), "tag tags keyword keywords label labels")
_names(_any_of(("positive", "neutral", "negative")), "sentiment mood tone")
_names(_any_of(words.CHANNELS), "channel source medium")
_names(_any_of(words.METHODS), "payment_method payment method")
_names(_any_of(words.CARRIERS), "shipping shipping_method carrier delivery")
_names(_any_of(words.UNITS), "unit uom")
_names(_any_of(("female", "male", "other")), "gender sex")
_names(_any_of(words.CONDITIONS), "diagnosis condition symptom symptoms allergy disease")
_names(_any_of(words.MEDICINES), "medication medicine drug prescription treatment")
_names(_any_of(words.DISHES), "dish recipe meal food ingredient ingredients")
_names(_any_of(words.MEDIA), "book movie film album song track")
_names(_any_of(words.GENRES), "genre")
_names(_version, "version")
_names(_hex_code, "hash token checksum digest")
_names(lambda scene: str(scene.rng.randint(100_000, 999_999)), "number account_number tracking")
_names(lambda scene: formats.ipv4(scene.rng), "ip ip_address ipv4")


def by_name(name: str, scene: Scene) -> str | None:
    """A string that such a field would hold, or None for a name that says nothing."""
    parts = tokens(name)
    for start in range(len(parts)):
        maker = _MAKERS.get("_".join(parts[start:]))
        if maker is not None:
            return maker(scene)
    if not parts:
        return None
    if parts[-1] in {"id", "ids", "identifier", "key"}:
        kind = parts[-2] if len(parts) > 1 else scene.kind
        return _identifier(scene, kind)
    if parts[-1] in {"at", "on"}:
        return formats.date_time(scene.rng) if parts[-1] == "at" else formats.date(scene.rng)
    if parts[-1].endswith("s") and parts[-1][:-1] in _MAKERS:
        return _MAKERS[parts[-1][:-1]](scene)
    return None


def plain(scene: Scene) -> str:
    """Two harmless words, for a field whose name says nothing."""
    return " ".join(scene.rng.sample(words.PLAIN, 2))


_UNITS = frozenset(("cm", "mm", "m", "km", "g", "kg", "lb", "ml", "l", "c", "f", "eur", "usd",
                    "gbp", "percent", "pct", "minutes", "hours", "days"))
_SPANS: dict[str, Span] = {}
for _span, _of in (
    (Span(4, 480, 2), "price amount cost fee value salary_hourly subtotal payment"),
    (Span(20, 2400, 2), "total balance total_amount total_price revenue budget"),
    (Span(24_000, 120_000, 0), "salary income"),
    (Span(1, 5, 0), "rating stars"),
    (Span(0, 100, 0), "score percent percentage progress discount"),
    (Span(1, 12, 0), "quantity qty count month guests"),
    (Span(0, 400, 0), "stock inventory views likes visits"),
    (Span(18, 84, 0), "age"),
    (Span(2016, 2025, 0), "year"),
    (Span(0.1, 24, 1), "weight mass"),
    (Span(5, 190, 1), "height width length depth"),
    (Span(-60, 60, 4), "latitude lat"),
    (Span(-150, 150, 4), "longitude lng lon"),
    (Span(-5, 35, 1), "temperature"),
    (Span(5, 180, 0), "duration minutes duration_minutes seconds"),
    (Span(0, 1, 2), "probability confidence ratio share rate tax_rate"),
    (Span(90, 160, 0), "systolic blood_pressure"),
    (Span(55, 110, 0), "heart_rate pulse diastolic"),
    (Span(1, 999_999, 0), "id number"),
    (Span(0, 23, 0), "hour"),
    (Span(20, 90, 0), "humidity"),
    (Span(200, 504, 0), "status_code"),
):
    _SPANS.update(dict.fromkeys(_of.split(), _span))


def usual_span(name: str) -> Span | None:
    """The range such a number usually has, or None for a name that says nothing."""
    parts = tokens(name)
    unit = parts[-1] if len(parts) > 1 and parts[-1] in _UNITS else None
    for start in range(len(parts)):
        span = _SPANS.get("_".join(parts[start:len(parts) - (unit is not None)]))
        if span is not None:
            return span
    return Span(1, 180, 1) if unit is not None else None
