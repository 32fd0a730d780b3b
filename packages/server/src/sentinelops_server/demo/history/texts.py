"""What people and models say in the simulated past."""

from __future__ import annotations

import random
from functools import cache
from importlib import resources

__all__ = ["DIFFS", "LETTERS", "PRODUCTS", "QUESTIONS", "answer", "handbook"]

QUESTIONS = [
    ("Where is my order {order}? It should have been here on {day}.", "shipping"),
    ("I want to return the {product}, it does not fit. What do I do?", "returns"),
    ("The zip of my {product} broke after {n} months. Is that covered?", "warranty"),
    ("Can you repair the sole of my boots, and what does it cost?", "repairs"),
    ("My card was refused for order {order}, can I try again? My mail is {mail}", "payment"),
    ("Which size of {product} do I need if I am {n}0 cm taller than my sister?", "sizes"),
    ("Please change the delivery address of {order} before it ships.", "account"),
    ("How long does express delivery take to {city}?", "shipping"),
    ("I was charged twice for the {product}!! Order {order}.", "payment"),
    ("Do I get my money back if the parcel {order} is lost?", "returns"),
    ("Delete my account, please. I am {mail}.", "account"),
    ("Is the {product} waterproof enough for {n} days of rain in {city}?", "sizes"),
]
PRODUCTS = [
    "rain jacket",
    "ridge tent",
    "trail boots",
    "45 litre pack",
    "down sleeping bag",
    "gas stove",
    "wool base layer",
]
CITIES = ["Lisbon", "Graz", "Oslo", "Ghent", "Porto", "Brno", "Turku"]
NAMES = ["anna", "jonas", "mei", "pedro", "ines", "tomas", "aino", "luca"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
LETTERS = [
    "Hello, I ordered the {product} {n} days ago and have heard nothing since. The tracking page says 'label created'. "
    "I am leaving for {city} on {day} and need it before then. If that is not possible, please cancel order {order} "
    "and refund me.",
    "Dear team, the {product} is wonderful and kept us dry for {n} days near {city}. One pole bent in the wind though. "
    "Do you sell the pole alone, or should I send the whole thing? Kind regards, {name}",
    "I have asked three times for the invoice of order {order}. My accountant needs it by {day}. Please send "
    "it to {mail}.",
    "We are a mountain club of {n}0 members from {city} and would like an offer for {n}0 pieces of the {product}, "
    "with our name on it. Delivery by the end of next month would be good. Who can I speak to?",
]
DIFFS = [
    "def total(items):\n-    return sum(i.price for i in items)\n+    return sum(i.price * i.quantity for i in items)",
    "-    cursor.execute(f'SELECT * FROM orders WHERE id = {order_id}')\n"
    "+    cursor.execute('SELECT * FROM orders WHERE id = %s', (order_id,))",
    "+@retry(times=5)\n def charge(card, amount):\n"
    "     return gateway.post('/charge', json={'card': card, 'amount': amount})",
    "-    if user.role == 'admin' or True:\n+    if user.role == 'admin':\n         return render(page)",
]
_OPENINGS = [
    "Thank you for writing.",
    "I am sorry about the trouble.",
    "Good question.",
    "I have looked that up for you.",
    "",
]
_CLOSINGS = ["Is there anything else I can do?", "I hope that helps.", "You will get a mail from us as well.", ""]


def fill(rng: random.Random, template: str) -> str:
    """Fill a template's places with things that fit."""
    name = rng.choice(NAMES)
    return template.format(
        order=f"A-{rng.randrange(1000, 9999)}",
        product=rng.choice(PRODUCTS),
        city=rng.choice(CITIES),
        day=rng.choice(DAYS),
        n=rng.randrange(2, 9),
        name=name.title(),
        mail=f"{name}{rng.randrange(10, 99)}@example.com",
    )


@cache
def handbook() -> dict[str, str]:
    """Return the shop's handbook: page name to text."""
    folder = resources.files("sentinelops_server.demo") / "handbook"
    pages = sorted(page.name for page in folder.iterdir() if page.name.endswith(".md"))
    return {name[:-3]: (folder / name).read_text("utf-8") for name in pages}


def answer(rng: random.Random, topic: str) -> str:
    """Return a plausible answer on a page of the handbook."""
    lines = handbook()[topic].split("\n", 1)[1].replace("\n", " ").split(". ")
    start = rng.randrange(len(lines))
    said = ". ".join(line.strip(" .") for line in lines[start : start + rng.randrange(1, 4)])
    return " ".join(part for part in (rng.choice(_OPENINGS), f"{said}.", rng.choice(_CLOSINGS)) if part)
