"""Detectors of national identity numbers; the weak ones want a word beside them that names them."""

# ruff: noqa: E501 - a pattern reads better on one line
from __future__ import annotations

from collections.abc import Callable

from . import _national
from ._model import Detector
from ._personal import no_tail


def _number(name: str, pattern: str, check: Callable[[str], bool], *near: str) -> Detector:
    return Detector(name, "national_id", r"\b" + pattern + r"\b", None, check, number=True, near=near)


def _long(text: str) -> bool:
    """Passports have eight or nine characters nearly everywhere."""
    return 7 <= len(text) <= 9


def _mixed(text: str) -> bool:
    """Letters among digits, as many countries number them by now."""
    return sum(map(str.isdigit, text)) >= 2 and any(map(str.isalpha, text))


_PASSPORT = (
    "passport", "passport no", "passport number", "passport_number", "reisepass", "passeport", "pasaporte", "passaporto",
    "passaporte", "paspoort", "paszport",
)  # fmt: skip
_MONTH_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TAX = (
    "steuer-id",
    "steuerid",
    "steuer-idnr",
    "steueridentifikationsnummer",
    "identifikationsnummer",
    "idnr",
    "tax id",
    "tax-id",
    "tax_id",
    "tin",
    "steuernummer",
    "steuer_id",
)

NATIONAL: tuple[Detector, ...] = (
    Detector("it_codice_fiscale", "national_id", r"\b[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]\b", None, _national.it_codice_fiscale, token=True),
    Detector("sg_nric", "national_id", r"\b[STFGM][0-9]{7}[A-Z]\b", None, _national.sg_nric, number=True),
    Detector("mx_curp", "national_id", r"\b[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9]\b", None, _national.mx_curp, token=True),
    _number("cn_resident", r"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]", _national.cn_resident),
    _number("fr_nir", r"[12378][ .]?[0-9]{2}[ .]?[0-9]{2}[ .]?(?:[0-9]{2}|2[AB])[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{2}", _national.fr_nir),
    _number("br_cnpj", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}", _national.br_cnpj),
    _number("br_cnpj_near", r"[0-9]{14}", _national.br_cnpj, "cnpj"),
    _number("ch_ahv", r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}", _national.ch_ahv),
    _number("kr_rrn", r"[0-9]{2}" + _MONTH_DAY + r"-[1-8][0-9]{6}", _national.kr_rrn),
    _number("kr_rrn_near", r"[0-9]{2}" + _MONTH_DAY + r"[1-8][0-9]{6}", _national.kr_rrn, "rrn", "주민등록번호", "주민번호", "resident registration number"),
    _number("th_citizen", r"[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]", _national.th_citizen),
    _number("th_citizen_near", r"[1-8][0-9]{12}", _national.th_citizen, "thai id", "thai national id", "citizen id", "บัตรประชาชน", "เลขบัตรประชาชน", "เลขประจำตัวประชาชน"),
    _number("ru_inn", r"[0-9]{12}", _national.ru_inn, "инн", "inn"),
    _number("ru_snils", r"[0-9]{3}-?[0-9]{3}-?[0-9]{3}[- ]?[0-9]{2}", _national.ru_snils, "снилс", "snils"),
    _number("ar_cuit", r"(?:20|23|24|27|30|33|34)-[0-9]{8}-[0-9]", _national.ar_cuit),
    _number("ar_cuit_near", r"(?:20|23|24|27|30|33|34)[0-9]{9}", _national.ar_cuit, "cuit", "cuil"),
    _number("hr_oib", r"[0-9]{11}", _national.hr_oib, "oib"),
    _number("gr_amka", r"[0-9]{11}", _national.gr_amka, "αμκα", "amka"),
    _number("za_id", r"[0-9]{2}" + _MONTH_DAY + r" ?[0-9]{4} ?[0-2][89][0-9]", _national.za_id),
    _number("ro_cnp", r"[1-8][0-9]{12}", _national.ro_cnp, "cnp", "cod numeric personal", "codul numeric personal"),
    _number("br_cpf", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", _national.br_cpf),
    _number("br_cpf_near", r"[0-9]{11}", _national.br_cpf, "cpf"),
    _number("be_national", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", _national.be_national),
    _number("be_national_near", r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}[ -]?[0-9]{3}[ .]?[0-9]{2}", _national.be_national, "rijksregisternummer", "registre national", "numéro national", "national number", "insz", "niss", "rrn"),
    _number("no_fodselsnummer", r"[0-9]{6} ?[0-9]{5}", _national.no_fodselsnummer),
    _number("tr_kimlik", r"[1-9][0-9]{10}", _national.tr_kimlik, "kimlik", "tckn", "tc no", "t.c.", "tc kimlik no", "kimlik no"),
    _number("de_steuer_id", r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", _national.de_steuer_id, *_TAX),
    _number("pl_pesel", r"[0-9]{11}", _national.pl_pesel, "pesel"),
    Detector("in_aadhaar", "national_id", r"\b[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}\b", None, _national.in_aadhaar, number=True, around=no_tail),
    _number("in_aadhaar_near", r"[2-9][0-9]{11}", _national.in_aadhaar, "aadhaar", "aadhar", "uidai", "आधार"),
    _number("jp_my_number", r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", _national.jp_my_number, "my number", "my_number", "マイナンバー", "個人番号", "individual number"),
    _number("fi_hetu", r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]", _national.fi_hetu),
    _number("se_personnummer", r"(?:19|20)?[0-9]{6}[-+][0-9]{4}", _national.se_personnummer),
    _number("se_personnummer_near", r"(?:19|20)?[0-9]{10}", _national.se_personnummer, "personnummer", "personnr", "pnr", "personal number"),
    _number("bg_egn", r"[0-9]{10}", _national.bg_egn, "егн", "egn"),
    _number("at_svnr", r"[1-9][0-9]{3}[ /-]?[0-9]{6}", _national.at_svnr, "svnr", "sv-nr", "sv-nummer", "sozialversicherungsnummer"),
    _number("cl_rut", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]", _national.cl_rut),
    _number("cl_rut_near", r"[0-9]{7,8}-[0-9Kk]", _national.cl_rut, "rut"),
    _number("dk_cpr", r"[0-9]{6}-[0-9]{4}", _national.dk_cpr_checked),
    _number("dk_cpr_near", r"[0-9]{6}[- ]?[0-9]{4}", _national.dk_cpr, "cpr", "cpr-nummer", "cpr-nr", "cpr number"),
    _number("cz_rodne", r"[0-9]{6}/[0-9]{4}", _national.cz_rodne),
    _number("uk_nhs", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", _national.uk_nhs, "nhs", "nhs no", "nhs number", "nhs_number", "patient"),
    _number("au_medicare", r"[2-6][0-9]{3}[ -]?[0-9]{5}[ -]?[0-9](?:[-/ ]?[1-9])?", _national.au_medicare, "medicare"),
    _number("pt_nif", r"[1-35689][0-9]{2}[ .]?[0-9]{3}[ .]?[0-9]{3}", _national.pt_nif, "nif", "contribuinte", "nipc"),
    _number("il_id", r"[0-9]{9}", _national.il_id, "teudat zehut", "ת.ז", "ת״ז", "תעודת זהות", "מספר זהות"),
    _number("nz_ird", r"[0-9]{2,3}[ -]?[0-9]{3}[ -]?[0-9]{3}", _national.nz_ird, "ird", "ird number"),
    _number("nl_bsn", r"[0-9]{3}[. ]?[0-9]{3}[. ]?[0-9]{3}", _national.nl_bsn, "bsn", "burgerservicenummer", "sofinummer", "sofi"),
    _number("ca_sin", r"[1-79][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3}", _national.ca_sin, "sin", "social insurance", "social insurance number", "nas"),
    _number("au_tfn", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", _national.au_tfn, "tfn", "tax file", "tax file number"),
    _number("es_dni", r"(?:[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}|[XYZ][- ]?[0-9]{7})[- ]?[A-HJ-NP-TV-Z]", _national.es_dni),
    _number("ie_pps", r"[0-9]{7}[A-W][A-IW]?", _national.ie_pps, "pps", "ppsn", "pps number", "pps no"),
    Detector("tw_id", "national_id", r"\b[A-Z][12][0-9]{8}\b", None, _national.tw_id, number=True, near=("taiwan id", "身分證", "身分證字號", "身份證", "身份證字號", "身分证")),
    Detector("in_pan", "national_id", r"\b[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]\b", None, before=None, near=("pan", "pan card", "pan no", "pan number", "pancard", "permanent account number")),
    Detector("mx_rfc", "national_id", r"\b[A-Z]{4}[0-9]{6}[A-Z0-9]{3}\b", None, _national.mx_rfc, before=None, near=("rfc",)),
    Detector("passport_mixed", "national_id", r"\b[A-Z0-9]{8,9}\b", None, _mixed, before=None, near=_PASSPORT),
    _number("passport", r"[A-Z]{0,2}[0-9]{6,9}", _long, *_PASSPORT),
    _number("uk_nino", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", _national.uk_nino),
)  # fmt: skip
