"""Arithmetic of national identity numbers: date and check digits, by the rules of who gives them out."""

# ruff: noqa: E501 - tables read better on one line
from __future__ import annotations

from ._checks import digits_of, luhn_sum, weighted


def _date(year: int, month: int, day: int) -> bool:
    return year >= 0 and 1 <= month <= 12 and 1 <= day <= 31


def _two(digits: list[int], at: int) -> int:
    return 10 * digits[at] + digits[at + 1]


def us_ssn(text: str) -> bool:
    """Numbers that the administration never gives out are not social security numbers."""
    plain = "".join(map(str, digits_of(text)))
    return plain[:3] not in ("000", "666") and plain[0] != "9" and plain[3:5] != "00" and plain[5:] != "0000"


def uk_nino(text: str) -> bool:
    """Prefixes that are not given out are none."""
    return text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def uk_nhs(text: str) -> bool:
    """Ten digits, modulo 11."""
    digits = digits_of(text)
    check = 11 - weighted(digits[:9], range(10, 1, -1)) % 11
    return len(digits) == 10 and check % 11 == digits[9] and check != 10


def de_steuer_id(text: str) -> bool:
    """Eleven digits, ISO 7064 mod 11,10; among the first ten one digit stands twice or thrice."""
    digits = digits_of(text)
    counts = sorted((digits[:10].count(digit) for digit in set(digits[:10])), reverse=True)
    product = 10
    for digit in digits[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return len(digits) == 11 and digits[0] != 0 and counts[0] in (2, 3) and (11 - product) % 10 == digits[10]


def fr_nir(text: str) -> bool:
    """Thirteen characters (Corsica has letters) and their key modulo 97."""
    plain = text.replace(" ", "").replace(".", "")
    number = plain[:13].replace("2A", "19").replace("2B", "18")
    return len(plain) == 15 and number.isdigit() and 97 - int(number) % 97 == int(plain[13:])


_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def es_dni(text: str) -> bool:
    """DNI and NIE: the letter is the number modulo 23."""
    plain = text.replace("-", "").replace(" ", "").replace(".", "")
    number = plain[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return len(number) == 8 and number.isdigit() and _LETTERS[int(number) % 23] == plain[-1]


_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def it_codice_fiscale(text: str) -> bool:
    """The last letter is the sum of the others, odd places by a table."""
    total = sum(
        _ODD[character] if place % 2 == 0 else int(character) if character.isdigit() else ord(character) - 65
        for place, character in enumerate(text[:15])
    )
    return chr(65 + total % 26) == text[15]


def nl_bsn(text: str) -> bool:
    """Nine digits, the eleven test."""
    digits = digits_of(text)
    return len(digits) == 9 and len(set(digits)) > 1 and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def be_national(text: str) -> bool:
    """Eleven digits, modulo 97, of either century."""
    plain = "".join(map(str, digits_of(text)))
    digits = digits_of(text)
    if len(plain) != 11 or not _date(0, _two(digits, 2) % 20, _two(digits, 4)):
        return False
    key = int(plain[9:])
    return key in (97 - int(plain[:9]) % 97, 97 - int("2" + plain[:9]) % 97)


def pl_pesel(text: str) -> bool:
    """Eleven digits, weights 1 3 7 9, the century in the month."""
    digits = digits_of(text)
    if len(digits) != 11 or not _date(0, _two(digits, 2) % 20, _two(digits, 4)):
        return False
    return weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def se_personnummer(text: str) -> bool:
    """Ten digits after the century, Luhn; a day over 60 is a coordination number."""
    digits = digits_of(text)[-10:]
    return len(digits) == 10 and _date(0, _two(digits, 2), _two(digits, 4) % 60) and luhn_sum(digits)


def fi_hetu(text: str) -> bool:
    """Nine digits modulo 31 give the last character."""
    digits = digits_of(text[:6] + text[7:10])
    number = int("".join(map(str, digits)))
    return _date(0, _two(digits, 2), _two(digits, 0)) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == text[10]


def dk_cpr(text: str) -> bool:
    """A date; the check digit (modulo 11) is not kept since 2007, so the date and the word beside it must do."""
    digits = digits_of(text)
    return len(digits) == 10 and _date(0, _two(digits, 2), _two(digits, 0))


def dk_cpr_checked(text: str) -> bool:
    """As dk_cpr, with the check digit: no word need stand beside it."""
    return dk_cpr(text) and weighted(digits_of(text), (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def no_fodselsnummer(text: str) -> bool:
    """Eleven digits with two check digits modulo 11."""
    digits = digits_of(text)
    if len(digits) != 11 or not _date(0, _two(digits, 2) % 40, _two(digits, 0) % 40):
        return False
    first = weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    return first == 0 and weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def _mod11(digits: list[int], weights: tuple[int, ...]) -> int:
    left = weighted(digits, weights) % 11
    return 0 if left < 2 else 11 - left


def br_cpf(text: str) -> bool:
    """Eleven digits, two of them check digits modulo 11."""
    digits = digits_of(text)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    return _mod11(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2)) == digits[9] and (
        _mod11(digits, (11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == digits[10]
    )


def br_cnpj(text: str) -> bool:
    """Fourteen digits, two of them check digits modulo 11."""
    digits = digits_of(text)
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    if len(digits) != 14 or len(set(digits)) == 1:
        return False
    return _mod11(digits, weights[1:]) == digits[12] and _mod11(digits, weights) == digits[13]


def _verhoeff_tables() -> tuple[list[list[int]], list[list[int]]]:
    """Multiplication in the dihedral group of the pentagon, and the permutation applied again and again."""

    def times(one: int, other: int) -> int:
        if one < 5:
            return (one + other) % 5 + (5 if other >= 5 else 0)
        return (one - other) % 5 + (5 if other < 5 else 0)

    product = [[times(one, other) for other in range(10)] for one in range(10)]
    permutation = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(permutation) < 8:
        permutation.append([permutation[-1][digit] for digit in permutation[1]])
    return product, permutation


_PRODUCT, _PERMUTATION = _verhoeff_tables()


def in_aadhaar(text: str) -> bool:
    """Twelve digits, Verhoeff."""
    digits = digits_of(text)
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _PRODUCT[check][_PERMUTATION[place % 8][digit]]
    return len(digits) == 12 and len(set(digits)) > 1 and check == 0


def ca_sin(text: str) -> bool:
    """Nine digits, Luhn."""
    digits = digits_of(text)
    return len(digits) == 9 and digits[0] not in (0, 8) and luhn_sum(digits)


def au_tfn(text: str) -> bool:
    """Nine digits modulo 11."""
    digits = digits_of(text)
    return len(digits) == 9 and weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def au_medicare(text: str) -> bool:
    """Ten digits, the ninth is the check digit."""
    digits = digits_of(text)
    return len(digits) in (10, 11) and weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == digits[8]


def cn_resident(text: str) -> bool:
    """Seventeen digits and ISO 7064 mod 11-2, ten is X."""
    digits = digits_of(text[:17])
    total = weighted(digits, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return len(digits) == 17 and "10X98765432"[total % 11] == text[17].upper()


def kr_rrn(text: str) -> bool:
    """A date and the digit of century and sex; the check digit is not kept since 2020."""
    digits = digits_of(text)
    return len(digits) == 13 and _date(0, _two(digits, 2), _two(digits, 4))


def jp_my_number(text: str) -> bool:
    """Twelve digits, the last modulo 11."""
    digits = digits_of(text)
    left = weighted(reversed(digits[:11]), (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6)) % 11
    return len(digits) == 12 and digits[11] == (0 if left <= 1 else 11 - left)


def ch_ahv(text: str) -> bool:
    """Thirteen digits from 756, as EAN-13."""
    digits = digits_of(text)
    return len(digits) == 13 and weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def za_id(text: str) -> bool:
    """Thirteen digits: a date, citizen or resident, Luhn."""
    digits = digits_of(text)
    return len(digits) == 13 and _date(0, _two(digits, 2), _two(digits, 4)) and digits[10] < 3 and luhn_sum(digits)


def tr_kimlik(text: str) -> bool:
    """Eleven digits with two check digits."""
    digits = digits_of(text)
    if len(digits) != 11 or digits[0] == 0:
        return False
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def cz_rodne(text: str) -> bool:
    """Ten digits divisible by 11; women have 50 more in the month."""
    digits = digits_of(text)
    number = int("".join(map(str, digits)))
    return len(digits) == 10 and _date(0, _two(digits, 2) % 50 % 20, _two(digits, 4)) and number % 11 == 0


def ro_cnp(text: str) -> bool:
    """Thirteen digits: century and sex, a date, modulo 11."""
    digits = digits_of(text)
    if len(digits) != 13 or not 1 <= digits[0] <= 8 or not _date(0, _two(digits, 3), _two(digits, 5)):
        return False
    left = weighted(digits[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return digits[12] == (1 if left == 10 else left)


def mx_curp(text: str) -> bool:
    """Eighteen characters, the last digit of all others by the alphabet with its Ñ."""
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(alphabet.index(character) * (18 - place) for place, character in enumerate(text[:17]))
    return (10 - total % 10) % 10 == int(text[17])


def sg_nric(text: str) -> bool:
    """Seven digits between two letters, the second by the first and the digits modulo 11."""
    total = weighted(digits_of(text), (2, 7, 6, 5, 4, 3, 2)) + {"S": 0, "F": 0, "T": 4, "G": 4, "M": 3}[text[0]]
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    place = 10 - total % 11 if text[0] == "M" else total % 11
    return letters[text[0]][place] == text[8]


def ie_pps(text: str) -> bool:
    """Seven digits and a letter modulo 23; a second letter counts nine times."""
    more = 9 * (ord(text[8]) - 64) if text[8:] and text[8] != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(digits_of(text), range(8, 1, -1)) + more) % 23] == text[7]


def pt_nif(text: str) -> bool:
    """Nine digits modulo 11."""
    digits = digits_of(text)
    left = weighted(digits[:8], range(9, 1, -1)) % 11
    return len(digits) == 9 and digits[8] == (0 if left < 2 else 11 - left)


def ar_cuit(text: str) -> bool:
    """Eleven digits modulo 11."""
    digits = digits_of(text)
    return len(digits) == 11 and (
        "012345678990"[11 - weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11] == str(digits[10])
    )


def cl_rut(text: str) -> bool:
    """Seven or eight digits and one modulo 11, ten is K."""
    digits = digits_of(text[:-1])
    return "0123456789K0"[11 - weighted(reversed(digits), (2, 3, 4, 5, 6, 7, 2, 3)) % 11] == text[-1].upper()


def th_citizen(text: str) -> bool:
    """Thirteen digits modulo 11."""
    digits = digits_of(text)
    return len(digits) == 13 and (11 - weighted(digits, range(13, 1, -1)) % 11) % 10 == digits[12]


def tw_id(text: str) -> bool:
    """A letter for the place, the sex, and nine digits modulo 10."""
    place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    return (place // 10 + 9 * (place % 10) + weighted(digits_of(text), (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def bg_egn(text: str) -> bool:
    """A date and four digits modulo 11; the century is in the month."""
    digits = digits_of(text)
    if len(digits) != 10 or not _date(0, _two(digits, 2) % 20, _two(digits, 4)):
        return False
    return weighted(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == digits[9]


def hr_oib(text: str) -> bool:
    """Eleven digits, ISO 7064 mod 11,10."""
    digits = digits_of(text)
    product = 10
    for digit in digits[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return len(digits) == 11 and (11 - product) % 10 == digits[10]


def gr_amka(text: str) -> bool:
    """A date and five digits, Luhn."""
    digits = digits_of(text)
    return len(digits) == 11 and _date(0, _two(digits, 2), _two(digits, 0)) and luhn_sum(digits)


def at_svnr(text: str) -> bool:
    """Four digits, of which the last is modulo 11 of all others, and a date."""
    digits = digits_of(text)
    return len(digits) == 10 and weighted(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == digits[3]


def il_id(text: str) -> bool:
    """Nine digits, Luhn."""
    digits = digits_of(text)
    return len(digits) == 9 and luhn_sum(digits)


def nz_ird(text: str) -> bool:
    """Eight or nine digits modulo 11."""
    digits = digits_of(text)
    digits = [0] * (9 - len(digits)) + digits
    for weights in ((3, 2, 7, 6, 5, 4, 3, 2), (7, 4, 3, 2, 5, 2, 7, 6)):
        check = -weighted(digits[:8], weights) % 11
        if check != 10:
            return check == digits[8]
    return False


def ru_snils(text: str) -> bool:
    """Nine digits and two modulo 101."""
    digits = digits_of(text)
    return len(digits) == 11 and weighted(digits[:9], range(9, 0, -1)) % 101 % 100 == _two(digits, 9)


def ru_inn(text: str) -> bool:
    """Twelve digits, two of them modulo 11."""
    digits = digits_of(text)
    first = weighted(digits, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return digits[10:] == [first, weighted(digits, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10]


def mx_rfc(text: str) -> bool:
    """A date behind four letters; not all that were given out have a right check digit."""
    digits = digits_of(text[4:10])
    return _date(0, _two(digits, 2), _two(digits, 4))
