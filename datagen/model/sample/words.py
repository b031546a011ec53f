"""Small lists of words; every company, product and street in them is made up."""

FIRST_NAMES = (
    "Amara", "Ana", "Anton", "Aylin", "Ben", "Bianca", "Carlos", "Chloe", "Daniel", "Diana",
    "Elena", "Emil", "Farah", "Felix", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jasmine",
    "Jonas", "Julia", "Kenji", "Lara", "Leo", "Lina", "Lucas", "Maria", "Mateo", "Mei",
    "Mira", "Nadia", "Noah", "Olga", "Omar", "Paula", "Priya", "Rafael", "Rosa", "Samir",
    "Sara", "Sofia", "Tariq", "Theo", "Tom", "Vera", "Victor", "Wei", "Yusuf", "Zoe",
)
LAST_NAMES = (
    "Albrecht", "Almeida", "Bauer", "Becker", "Bianchi", "Brown", "Castro", "Cohen", "Costa",
    "Dubois", "Eriksen", "Farouk", "Fischer", "Garcia", "Green", "Haddad", "Hansen", "Ionescu",
    "Ito", "Jansen", "Kaya", "Keller", "Khan", "Kowalski", "Kumar", "Lang", "Larsen", "Lopez",
    "Marin", "Martin", "Meyer", "Moreau", "Nguyen", "Novak", "Okafor", "Olsen", "Patel",
    "Petrov", "Popescu", "Quinn", "Rossi", "Sato", "Silva", "Singh", "Smith", "Tanaka",
    "Vogel", "Weber", "Wong", "Young",
)
# city, country, code of the country, region, currency, language, start of a postal code
PLACES = (
    ("Berlin", "Germany", "DE", "Berlin", "EUR", "de", "10"),
    ("Hamburg", "Germany", "DE", "Hamburg", "EUR", "de", "20"),
    ("Lyon", "France", "FR", "Rhône", "EUR", "fr", "69"),
    ("Paris", "France", "FR", "Île-de-France", "EUR", "fr", "75"),
    ("Madrid", "Spain", "ES", "Madrid", "EUR", "es", "28"),
    ("Porto", "Portugal", "PT", "Norte", "EUR", "pt", "40"),
    ("Milan", "Italy", "IT", "Lombardy", "EUR", "it", "20"),
    ("Bucharest", "Romania", "RO", "Bucharest", "RON", "ro", "01"),
    ("Warsaw", "Poland", "PL", "Masovia", "PLN", "pl", "00"),
    ("Leeds", "United Kingdom", "GB", "Yorkshire", "GBP", "en", "LS"),
    ("Oslo", "Norway", "NO", "Oslo", "NOK", "no", "01"),
    ("Toronto", "Canada", "CA", "Ontario", "CAD", "en", "M5"),
    ("Austin", "United States", "US", "Texas", "USD", "en", "78"),
    ("Seattle", "United States", "US", "Washington", "USD", "en", "98"),
    ("Nairobi", "Kenya", "KE", "Nairobi", "KES", "en", "00"),
    ("Mumbai", "India", "IN", "Maharashtra", "INR", "hi", "40"),
    ("Osaka", "Japan", "JP", "Kansai", "JPY", "ja", "53"),
    ("Melbourne", "Australia", "AU", "Victoria", "AUD", "en", "30"),
)
STREETS = (
    "Maple Street", "Station Road", "Garden Lane", "Mill Street", "Harbour Road", "Oak Avenue",
    "Church Street", "River Road", "Park Avenue", "Hill Street", "Market Square", "Linden Street",
)
COMPANY_STARTS = (
    "Alder", "Brightwater", "Cobalt", "Dunmore", "Elmfield", "Fenwood", "Greyfield", "Hollowell",
    "Inkberry", "Juniper", "Kestrelby", "Larkmoor", "Mossgate", "Northbrook", "Oakhaven",
    "Pinecrest", "Quillmark", "Redfern", "Stonebay", "Tallgrass",
)
COMPANY_ENDS = ("Foods", "Freight", "Instruments", "Labs", "Outdoor", "Paper", "Systems",
                "Textiles", "Tools", "Trading")
PRODUCT_ADJECTIVES = (
    "Adjustable", "Cordless", "Compact", "Ergonomic", "Everyday", "Foldable", "Insulated",
    "Lightweight", "Modular", "Rechargeable", "Slim", "Stackable", "Waterproof", "Wireless",
)
PRODUCT_MATERIALS = ("Aluminium", "Bamboo", "Ceramic", "Cotton", "Glass", "Leather", "Oak",
                     "Silicone", "Steel", "Wool")
# what it is, the category it belongs to, what it is good for
PRODUCTS = (
    ("Desk Lamp", "Home", "lights a desk evenly without glare"),
    ("Water Bottle", "Sports", "keeps drinks cold for a day"),
    ("Backpack", "Travel", "holds a laptop and clothes for a weekend"),
    ("Keyboard", "Electronics", "stays quiet in a shared office"),
    ("Headphones", "Electronics", "play for thirty hours on one charge"),
    ("Chopping Board", "Kitchen", "is easy on knives and simple to clean"),
    ("Coffee Grinder", "Kitchen", "grinds evenly from espresso to filter"),
    ("Yoga Mat", "Sports", "does not slip on wooden floors"),
    ("Picture Frame", "Home", "hangs straight with a single nail"),
    ("Notebook", "Stationery", "opens flat and takes ink well"),
    ("Rain Jacket", "Clothing", "packs into its own pocket"),
    ("Phone Stand", "Electronics", "tilts to any angle with one hand"),
    ("Plant Pot", "Garden", "drains well and survives frost"),
    ("Storage Box", "Home", "stacks four high without tipping"),
    ("Bicycle Light", "Sports", "can be seen from three hundred metres"),
    ("Throw Blanket", "Home", "is warm without being heavy"),
)
COLORS = ("black", "blue", "brown", "green", "grey", "orange", "purple", "red", "silver",
          "teal", "white", "yellow")
JOBS = ("Accountant", "Analyst", "Buyer", "Designer", "Electrician", "Engineer", "Nurse",
        "Office Manager", "Sales Manager", "Support Agent", "Teacher", "Technician")
DEPARTMENTS = ("Customer Care", "Engineering", "Finance", "Logistics", "Marketing",
               "Operations", "People", "Sales")
LANGUAGES = ("English", "German", "French", "Spanish", "Italian", "Portuguese", "Romanian")
TAGS = ("archived", "beginner", "bestseller", "bulk", "eco", "follow-up", "fragile", "gift",
        "indoor", "internal", "new", "outdoor", "premium", "refund", "sale", "seasonal",
        "travel", "urgent", "vip", "weekend")
MEDIA = ("Autumn Letters", "Bright Harbour", "Cold Coffee", "Glass Mountain", "Half a Map",
         "Late Trains", "Paper Lanterns", "Quiet Engines", "Salt and Cedar", "Seven Bridges")
GENRES = ("adventure", "biography", "comedy", "crime", "drama", "fantasy", "history", "science")
CONDITIONS = ("asthma", "back pain", "hypertension", "migraine", "seasonal allergy",
              "sprained ankle", "type 2 diabetes", "vitamin D deficiency")
MEDICINES = ("ibuprofen 400 mg", "metformin 500 mg", "paracetamol 500 mg", "salbutamol inhaler",
             "vitamin D 1000 IU")
DISHES = ("chickpea stew", "lemon chicken", "lentil soup", "mushroom risotto", "oat pancakes",
          "roasted carrots", "spinach pie", "tomato salad")
UNITS = ("piece", "box", "kg", "litre", "metre", "pack")
METHODS = ("bank transfer", "cash", "credit card", "debit card", "invoice", "voucher")
CARRIERS = ("standard", "express", "pickup", "overnight")
STATUSES = ("new", "open", "in progress", "done", "closed")
PRIORITIES = ("low", "medium", "high")
TOPICS = ("account", "billing", "delivery", "feedback", "general", "product", "technical")
CHANNELS = ("email", "phone", "chat", "web form")
PLAIN = ("amber", "anchor", "basket", "bridge", "candle", "cedar", "circle", "cloud", "copper",
         "corner", "delta", "ember", "falcon", "field", "forest", "garden", "harbor", "island",
         "lantern", "maple", "meadow", "mirror", "north", "ocean", "paper", "pebble", "pocket",
         "quartz", "river", "saddle", "signal", "silver", "stone", "summit", "tiger", "timber",
         "valley", "velvet", "window", "winter")
