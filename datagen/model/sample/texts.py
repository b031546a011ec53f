"""Sentences that read like the real thing: tickets, products, messages, reviews, notes.

``{name}``, ``{product}``, ``{amount}``, ``{city}``, ``{code}``, ``{days}``, ``{month}`` and
``{company}`` are filled in per record.
"""

# topic: (words that point to it, subjects, first sentences, what was tried or what is wanted)
TICKETS = {
    "billing": (
        ("billing", "payment", "invoice", "refund", "finance"),
        ("Charged twice for order {code}", "Invoice for {month} shows the wrong amount",
         "Refund of {amount} has not arrived", "Please change the name on invoice {code}"),
        ("I was charged {amount} twice for order {code} on the same day.",
         "The invoice for {month} says {amount}, but our contract names a lower price.",
         "You confirmed a refund of {amount} {days} days ago and it is still not on my account.",
         "Invoice {code} carries the old name of our company, {company}."),
        ("My bank says that the second payment is not pending any more.",
         "Please send a corrected invoice before the end of the month.",
         "Could you tell me when I can expect the money?",
         "I attached the statement of my bank."),
    ),
    "delivery": (
        ("delivery", "shipping", "shipment", "order", "logistics", "return"),
        ("Parcel {code} has not moved for {days} days", "Wrong item in order {code}",
         "The {product} arrived damaged", "Can order {code} go to another address?"),
        ("The tracking page has shown the same depot near {city} for {days} days.",
         "I ordered a {product} and found something else in the box.",
         "The {product} arrived with a crack on one side although the box was fine.",
         "I will be away when order {code} arrives and would like it sent to {city}."),
        ("I need it before the weekend, so please tell me if I should buy it elsewhere.",
         "I can send photos of the box and of the label.",
         "Please arrange the return, I kept all of the packaging.",
         "A replacement would be fine for me, a refund as well."),
    ),
    "technical": (
        ("technical", "bug", "software", "incident", "it", "hardware", "outage"),
        ("App closes when I open order {code}", "Export stops after {days} rows",
         "Error {code} when saving my settings", "Pages load very slowly since {month}"),
        ("The app closes as soon as I open the details of order {code}.",
         "The export stops after {days} rows and shows no message.",
         "Saving my settings ends with error {code} every time.",
         "Since {month} every page takes about {days} seconds to load."),
        ("I tried another browser and restarted the computer, it made no difference.",
         "My colleague in {city} sees the same, so it is not my machine.",
         "It worked until the last update.",
         "Please let me know if you need a log file."),
    ),
    "account": (
        ("account", "access", "login", "password", "security", "user"),
        ("Can not sign in since the password change", "Please close my second account",
         "The confirmation code never arrives", "New colleague needs access"),
        ("Since I changed my password on Monday the sign-in page refuses it.",
         "I have two accounts by mistake and would like to keep the one opened in {month}.",
         "The confirmation code does not reach my phone, I asked for it {days} times.",
         "{name} joined our team in {city} and needs access to our orders."),
        ("The reset link says that it has expired although it was just sent.",
         "Please make sure that my old orders are not lost.",
         "My phone number has not changed.",
         "Reading rights are enough for now."),
    ),
    "product": (
        ("product", "question", "feature", "sales", "feedback", "general", "other"),
        ("Is the {product} available in another size?", "Spare part for the {product}",
         "Suggestion for the order page", "How do I clean the {product}?"),
        ("I would like to order the {product}, but only one size is shown.",
         "I have used the {product} for {days} months and need a spare part.",
         "It would help us to see the delivery date already on the order page.",
         "The leaflet of the {product} does not say how to clean it."),
        ("Do you know when it will be back in {city}?",
         "I am happy to pay for the part, of course.",
         "Thank you, we are otherwise very pleased.",
         "A short answer is enough."),
    ),
}
TICKET_OPENINGS = ("Hello,", "Hi,", "Good morning,", "Dear team,", "Hello there,")
TICKET_ENDINGS = ("Thank you, {name}", "Best regards, {name}", "Kind regards, {name}",
                  "Thanks in advance! {name}", "Thanks, {name}")
SPAM = (
    "Congratulations! You won {amount}. Claim your prize with code {code} within {days} hours.",
    "Last chance: your parcel waits in {city}. Pay a small fee now or it goes back. Ref {code}",
    "You are pre-approved for a loan of {amount}, no questions asked. Reply YES and code {code}.",
    "URGENT: your account was locked. Confirm your details within {days} hours. Case {code}",
    "Make {amount} a week from home! No experience needed, only {days} places left. Text {code}.",
    "Exclusive offer: {product} for free, you only pay postage. Offer {code} ends tonight!",
    "Your number was drawn in our {month} lottery: {amount} is yours. Send {code} to collect.",
    "Lose {days} kilos in one week without effort. Order now with code {code} and save half.",
)
HAM = (
    "Hi {name}, are we still on for lunch in {city}? I booked a table for {days} people.",
    "Good news: order {code} has been handed to the carrier and arrives in {days} days.",
    "Can you bring the {product} back when you come on Saturday? No hurry.",
    "The meeting moved to room {days}, please tell {name} as well.",
    "Reminder: your appointment in {city} is in {days} days. Reply to this message to change it.",
    "Thanks for the photos from {city}, {name}! The children loved them.",
    "I transferred {amount} for the {month} rent this morning, can you check that it arrived?",
    "Running {days} minutes late, start without me. I have the {product} with me.",
    "Happy birthday {name}! Hope you have a lovely day, see you in {month}.",
)
PRAISE = (
    "The {product} does exactly what I hoped for.", "It arrived after {days} days, well packed.",
    "I have used it every day since {month} and would buy it again.",
    "My family in {city} ordered one as well.", "Good value for {amount}.",
)
BLAME = (
    "The {product} stopped working after {days} days.",
    "It looks nothing like the pictures, I am disappointed.",
    "Support answered only after {days} days and could not help.",
    "For {amount} I had expected far better quality.", "I sent it back in {month}.",
)
MIXED = (
    "The {product} is fine, but nothing special.", "It works, although setting it up took a while.",
    "Delivery to {city} took {days} days, which was longer than promised.",
    "For {amount} it is acceptable.", "The colour is a bit different from the picture.",
)
VERDICTS: dict[tuple[str, ...], tuple[str, ...]] = {
    PRAISE: ("Exactly what I wanted", "Very happy with the {product}", "Would buy it again"),
    BLAME: ("Not worth {amount}", "Broke after {days} days", "Disappointed by the {product}"),
    MIXED: ("It does its job", "Good, with some flaws", "A fair {product} for the price"),
}
PRODUCT_DESCRIPTIONS = (
    "{adjective} {thing} made of {material} that {use}. Comes with a two year guarantee.",
    "A {thing} for every day: it {use}. The {material} parts can be recycled.",
    "This {adjective} {thing} {use}. Designed in {city}, available in several colours.",
    "Our best selling {thing}. It {use}, and the {material} finish wears well.",
)
NOTES = (
    "{name} called from {city} and asked for an update within {days} days.",
    "The appointment in {month} was confirmed by {name}.",
    "Everything was checked on site in {city}, nothing unusual was found.",
    "Agreed with {company} to look at it again in {month}.",
    "The amount of {amount} was approved by {name}.",
    "Documents with number {code} are complete.",
    "The next step is planned for {month}, {name} takes care of it.",
    "A short visit to {city} took {days} hours and went well.",
)
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")
