"""Fields of records that people often ask for, by the words they use."""

from __future__ import annotations

from typing import Any, NamedTuple

Field = dict[str, Any]


class Domain(NamedTuple):
    """A kind of record: the words that point to it, and its fields."""

    words: tuple[str, ...]
    fields: dict[str, Field]


def _text(low: int = 1, high: int = 120, **more: Any) -> Field:
    return {"type": "string", "minLength": low, "maxLength": high, **more}


def _form(name: str) -> Field:
    return {"type": "string", "format": name}


def _one_of(options: str) -> Field:
    return {"type": "string", "enum": options.split()}


def _code(pattern: str) -> Field:
    return {"type": "string", "pattern": pattern}


def _number(low: float, high: float) -> Field:
    return {"type": "number", "minimum": low, "maximum": high}


def _whole(low: int, high: int) -> Field:
    return {"type": "integer", "minimum": low, "maximum": high}


def of_fields(fields: dict[str, Field]) -> Field:
    """An object that has exactly these fields."""
    return {"type": "object", "properties": fields, "required": list(fields),
            "additionalProperties": False}


def some(item: Field, low: int, high: int) -> Field:
    """A list of ``low`` to ``high`` items."""
    return {"type": "array", "items": item, "minItems": low, "maxItems": high}


_YES_NO: Field = {"type": "boolean"}
_WHEN, _DAY, _MAIL = _form("date-time"), _form("date"), _form("email")
_CURRENCY = _one_of("EUR USD GBP")
_TAGS = some(_text(2, 20), 1, 4) | {"uniqueItems": True}
_ADDRESS = of_fields({"street": _text(), "city": _text(), "postal_code": _text(3, 10),
                      "country": _text()})

DOMAINS: dict[str, Domain] = {
    "tickets": Domain(("ticket", "tickets", "support", "helpdesk", "complaint", "desk"), {
        "ticket_id": _code("^T-[0-9]{6}$"), "created_at": _WHEN, "customer_name": _text(2),
        "customer_email": _MAIL, "channel": _one_of("email phone chat web"),
        "category": _one_of("billing technical account delivery product"),
        "priority": _one_of("low medium high urgent"),
        "status": _one_of("open pending resolved closed"), "subject": _text(5),
        "body": _text(40, 800), "tags": _TAGS,
    }),
    "spam": Domain(("spam", "ham", "sms", "phishing"), {
        "text": _text(20, 300), "sender": _text(2, 40), "sent_at": _WHEN, "has_link": _YES_NO,
    }),
    "orders": Domain(("order", "orders", "purchase", "purchases", "checkout", "basket"), {
        "order_id": _code("^O-[0-9]{6}$"), "ordered_at": _WHEN,
        "customer": of_fields({"name": _text(2), "email": _MAIL}),
        "items": some(of_fields({"sku": _code("^[A-Z]{3}-[0-9]{4}$"), "product": _text(),
                                 "quantity": _whole(1, 10), "unit_price": _number(1, 500)}), 1, 5),
        "shipping_address": _ADDRESS, "total": _number(1, 5000), "currency": _CURRENCY,
        "status": _one_of("new paid shipped delivered returned"),
    }),
    "reviews": Domain(("review", "reviews", "opinion", "testimonial", "sentiment"), {
        "review_id": _code("^R-[0-9]{6}$"), "product": _text(), "author": _text(2),
        "rating": _whole(1, 5), "title": _text(3), "review_text": _text(20, 600),
        "verified_purchase": _YES_NO, "date": _DAY,
    }),
    "products": Domain(("product", "products", "catalogue", "catalog", "e-commerce", "ecommerce",
                        "shop", "article", "inventory"), {
        "sku": _code("^[A-Z]{3}-[0-9]{4}$"), "name": _text(3), "description": _text(20, 400),
        "category": _one_of("Home Kitchen Garden Sports Electronics"), "brand": _text(2),
        "price": of_fields({"amount": _number(1, 900), "currency": _CURRENCY}),
        "in_stock": _YES_NO,
        "variants": some(of_fields({"color": _text(3, 20), "size": _one_of("S M L XL"),
                                    "stock": _whole(0, 400)}), 1, 4),
        "rating": _number(1, 5), "tags": _TAGS,
    }),
    "transactions": Domain(("transaction", "transactions", "payment", "payments", "bank",
                            "transfer", "ledger"), {
        "transaction_id": _code("^TX-[0-9]{8}$"), "timestamp": _WHEN, "amount": _number(1, 5000),
        "currency": _CURRENCY, "merchant": _text(2), "payment_method": _text(3, 30),
        "country": _text(), "status": _one_of("authorised settled declined reversed"),
    }),
    "patients": Domain(("patient", "patients", "medical", "clinic", "hospital", "diagnosis"), {
        "patient_id": _code("^PT-[0-9]{6}$"), "name": _text(2), "date_of_birth": _DAY,
        "sex": _one_of("female male other"), "visit_date": _DAY, "symptoms": some(_text(), 1, 3),
        "diagnosis": _text(3), "medication": _text(3), "heart_rate": _whole(45, 140),
        "notes": _text(20, 400),
    }),
    "events": Domain(("event", "events", "log", "logs", "click", "telemetry", "sensor"), {
        "event_id": _form("uuid"), "timestamp": _WHEN,
        "type": _one_of("view click signup purchase logout"), "user_id": _code("^U-[0-9]{6}$"),
        "ip_address": _form("ipv4"), "url": _form("uri"), "duration_seconds": _whole(0, 900),
    }),
    "employees": Domain(("employee", "employees", "staff", "resume", "candidate", "applicant",
                         "job"), {
        "employee_id": _code("^EMP-[0-9]{5}$"), "full_name": _text(2), "email": _MAIL,
        "job_title": _text(3), "department": _text(3), "hired_on": _DAY,
        "salary": _whole(20_000, 180_000), "city": _text(), "languages": some(_text(), 1, 3),
    }),
    "recipes": Domain(("recipe", "recipes", "cooking", "meal", "dish"), {
        "dish": _text(3), "servings": _whole(1, 8), "duration_minutes": _whole(5, 180),
        "ingredients": some(of_fields({"name": _text(), "amount": _number(1, 500),
                                       "unit": _one_of("g ml piece spoon")}), 2, 8),
        "vegetarian": _YES_NO, "difficulty": _one_of("easy medium hard"),
    }),
    "customers": Domain(("customer", "customers", "user", "users", "person", "people", "profile",
                         "contact", "contacts", "client", "clients", "lead"), {
        "customer_id": _code("^C-[0-9]{6}$"), "first_name": _text(2, 60), "last_name": _text(2, 60),
        "email": _MAIL, "phone": _text(7, 20), "company": _text(2), "address": _ADDRESS,
        "signed_up_at": _WHEN, "newsletter": _YES_NO,
    }),
}
ANYTHING: dict[str, Field] = {
    "id": _code("^REC-[0-9]{6}$"), "title": _text(3), "description": _text(20, 400),
    "category": _text(3, 40), "created_at": _WHEN, "quantity": _whole(1, 100), "active": _YES_NO,
}
