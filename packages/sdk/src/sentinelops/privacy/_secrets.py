"""Detectors of secrets: keys of model providers and clouds, tokens, private keys, passwords in their context."""

# ruff: noqa: E501 - a pattern reads better on one line
from __future__ import annotations

import re

from ._checks import opaque
from ._model import Detector


def _words(text: str) -> bool:
    """A key of random characters has a digit and more than a dash between words."""
    return opaque(text) and not _PLAIN_WORDS.fullmatch(text)


_PLAIN_WORDS = re.compile(r"(?:[a-z]+|[0-9]{1,12}|v[0-9]+)(?:[-_](?:[a-z]+|[0-9]{1,12}|v[0-9]+))+")
_REFERENCE = re.compile(
    r"(?:\$\{?|%|<|\{\{|os\.|process\.|env[.\[(]|config[.\[(]|self\.|request\.|settings\.|[A-Za-z_][\w.]*\()"
)


def _assigned(text: str) -> bool:
    """What is assigned looks random, and is no reference to another place, file or variable."""
    if not opaque(text) or _REFERENCE.match(text) or _PLAIN_WORDS.fullmatch(text):
        return False
    return not text.startswith(("http://", "https://", "/", "./", "arn:", "projects/"))


def _password(text: str) -> bool:
    """What stands after the word password, as people choose it: a digit or a sign among letters, and no reference."""
    mixed = any(not c.isalpha() for c in text.rstrip(".!?")) and any(c.isalpha() for c in text)
    return (
        mixed
        and len(set(text)) >= 4
        and not _REFERENCE.match(text)
        and "(" not in text
        and not text.startswith(("_", "-", "/", "."))
    )


def _no_mark(text: str, start: int, end: int) -> bool:
    """The hash in a mark of ours, `[secret:9f86d081]`, is no secret."""
    return not (end - start == 8 and text[start - 8 : start] in ("[secret:", "_secret:") and text[end : end + 1] == "]")


_VALUE = r"([A-Za-z0-9!#$%&*+./?@^_~=-]{8,})"
_SIGNS = frozenset("\\\"'`] \t=:>")  # what may stand behind the name
# `name = "x"`, `"name": "x"`, `<name>x`, `<add key="name" value="x"`, `name is x`
_GIVEN = (
    r"(?:\\{0,4}[\"'`]?\]?[ \t]{0,4}(?:=|:|=>|:=)[ \t]{0,4}|>|[\"'] value=|[ \t](?i:is|ist|es|est|é)[ \t:]{1,3})"
    r"\\{0,4}[\"'`]?"
)


_PASSWORD_WORDS = (
    "passw", "passphrase", "_pass", "contrase", "mot de passe", "pwd", "passcode", "senha", "wachtwoord", "lösenord", "hasło", "şifre", "identified by", "密码", "密碼", "口令", "パスワード",
    "비밀번호", "mật khẩu", "пароль", "סיסמה", "كلمة المرور", "รหัสผ่าน",
)  # fmt: skip
_NAME = re.compile(r"([A-Z][A-Z0-9_]{0,79})_KEY[ =:\"'`]{1,7}\Z")
_OPEN_NAMES = re.compile(
    r"(?:^|_)(?:PUBLIC|CACHE|PRIMARY|FOREIGN|PARTITION|SORT|ROUTING|OBJECT|IDEMPOTENCY|HASH|ROW)(?:_|$)"
)


def _private_name(text: str, start: int, end: int) -> bool:
    """Of a variable that ends in _KEY: not a public one, and not one of a table."""
    name = _NAME.search(text, max(0, start - 100), start)
    return name is not None and _OPEN_NAMES.search(name[1]) is None


def _session(text: str) -> bool:
    """Whether one of the cookies holds more than a word."""
    values = (pair.partition("=")[2] for pair in text[:8_192].split(";"))
    return any(len(value) >= 12 and opaque(value) for value in values)


_LOGIN = r"://[^\s:/@'\"<>]{0,128}:[^\s/@'\"<>]{1,256}@"


def _prefixed(name: str, pattern: str, *literals: str, check: bool = False) -> Detector:
    return Detector(name, "secret", r"\b" + pattern, literals, _words if check else None, token=True)


SECRETS: tuple[Detector, ...] = (
    Detector("private_key", "secret", r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s\\:,.]|-[A-Za-z0-9])*(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?", ("-----BEGIN ",)),
    Detector("connection_string", "secret", r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,31}://[^\s:/@'\"<>]{0,128}:([^\s/@'\"<>]{1,256})@[^\s'\"<>]{1,256}", ("://",), before=32, ahead=_LOGIN, sieve=_LOGIN),
    Detector("url_token", "secret", r"://([A-Za-z0-9_-]{20,128})@[A-Za-z0-9]", ("://",), opaque, ahead=r"://[A-Za-z0-9_-]{20,128}@"),
    Detector("jwt", "secret", r"\beyJ[A-Za-z0-9_-]{13,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", ("eyJ",), token=True),
    _prefixed("model_key", r"(?:sk|rk|pk)[-_](?:[a-z0-9]{2,12}[-_]){0,4}[A-Za-z0-9_-]{16,250}", "sk-", "sk_", "rk-", "rk_", "pk-", "pk_", check=True),
    _prefixed("huggingface_token", r"(?:hf|api_org)_[A-Za-z0-9]{30,60}\b", "hf_", "api_org_"),
    _prefixed("provider_key", r"(?:gsk_|xai-|r8_|pplx-|nvapi-|csk-|fw_|tgp_v1_|jina_|voyage-|pa-|esecret_|tvly-|lsv2_pt_|lsv2_sk_|e2b_|dapi)[A-Za-z0-9_-]{24,200}", "gsk_", "xai-", "r8_", "pplx-", "nvapi-", "csk-", "fw_", "tgp_v1_", "jina_", "voyage-", "pa-", "esecret_", "tvly-", "lsv2_pt_", "lsv2_sk_", "e2b_", "dapi", check=True),
    _prefixed("sentinelops_key", r"so_[a-z]{2,10}_[A-Za-z0-9_-]{20,120}", "so_"),
    _prefixed("aws_key_id", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", "AKIA", "ASIA", "ABIA", "ACCA"),
    _prefixed("aws_bedrock_session", r"bedrock-api-key-[A-Za-z0-9+/=_-]{40,}", "bedrock-api-key-"),
    _prefixed("aws_bedrock_key", r"ABSK[A-Za-z0-9]{12}[A-Za-z0-9+/=]{28,300}", "ABSK"),
    _prefixed("github_token", r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    _prefixed("gitlab_token", r"gl(?:pat|dt|ptt|cbt|rt|soat|ft|imt|agent)-[A-Za-z0-9_-]{20,64}", "glpat-", "gldt-", "glptt-", "glcbt-", "glrt-", "glsoat-", "glft-", "glimt-", "glagent-"),
    _prefixed("slack_token", r"xox[abeoprs]-[A-Za-z0-9-]{14,250}", "xox"),
    _prefixed("slack_app_token", r"xapp-[0-9]-[A-Za-z0-9-]{14,250}", "xapp-"),
    Detector("slack_hook", "secret", r"hooks\.slack\.com/services/([A-Za-z0-9/]{20,120})", ("hooks.slack.com/",)),
    Detector("discord_hook", "secret", r"/api/webhooks/([0-9]{15,22}/[A-Za-z0-9_-]{30,120})", ("/api/webhooks/",)),
    _prefixed("google_key", r"AIza[A-Za-z0-9_-]{35}", "AIza"),
    Detector("google_token", "secret", r"\bya29\.[A-Za-z0-9_-]{20,}", ("ya29.",)),
    Detector("google_grant", "secret", r"\b(?:4/0A|1//0)[A-Za-z0-9_-]{30,250}", ("4/0A", "1//0")),
    Detector("azure_secret", "secret", r"\b[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}", ("Q~",), _words, before=4, sieve="[78]Q~"),
    Detector("mailchimp_key", "secret", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b", ("-us",), before=32, sieve="[0-9a-f]-us[0-9]"),
    Detector("terraform_token", "secret", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,80}", (".atlasv1.",), before=14, sieve=r"\.atlasv1\."),
    _prefixed("google_secret", r"GOCSPX-[A-Za-z0-9_-]{20,60}", "GOCSPX-"),
    _prefixed("stripe_hook", r"whsec_[A-Za-z0-9]{16,250}", "whsec_"),
    _prefixed("npm_token", r"npm_[A-Za-z0-9]{36}\b", "npm_"),
    _prefixed("pypi_token", r"pypi-AgE[A-Za-z0-9_-]{40,400}", "pypi-AgE"),
    Detector("sendgrid_key", "secret", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", ("SG.",)),
    _prefixed("twilio_key", r"SK[0-9a-f]{32}\b", "SK"),
    _prefixed("mailgun_key", r"key-[0-9a-f]{32}\b", "key-"),
    _prefixed("service_token", r"(?:shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|do[oprt]_v1_[0-9a-f]{64}|dckr_pat_[A-Za-z0-9_-]{20,64}|glsa_[A-Za-z0-9_]{32,64}|lin_api_[A-Za-z0-9]{32,64}|ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{40,60}|figd_[A-Za-z0-9_-]{38,60}|pscale_(?:tkn|pw)_[A-Za-z0-9_-]{30,80}|sbp_[0-9a-f]{40}|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|NRAK-[A-Z0-9]{27}|sntrys_[A-Za-z0-9_]{9}[A-Za-z0-9+/=_]{31,400}|ATATT3[A-Za-z0-9_-]{10}[A-Za-z0-9_=-]{50,300}|EAAA[A-Za-z0-9_-]{60}|EAA[A-Za-z0-9]{80,300}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|rubygems_[0-9a-f]{48}|AGE-SECRET-KEY-1[A-Z0-9]{58})", "shpat_", "shpca_", "shppa_", "shpss_", "doo_v1_", "dop_v1_", "dor_v1_", "dot_v1_", "dckr_pat_", "glsa_", "lin_api_", "ntn_", "secret_", "figd_", "pscale_", "sbp_", "PMAK-", "NRAK-", "sntrys_", "ATATT3", "EAA", "pat", "rubygems_", "AGE-SECRET-KEY-1"),
    Detector("vault_token", "secret", r"\bhvs\.[A-Za-z0-9_-]{24,200}", ("hvs.",)),
    Detector("telegram_token", "secret", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", (":AA",), before=10, sieve=":AA[A-Za-z0-9_-]{33}"),
    Detector("signature", "secret", r"(?i:[?&;]|\b)(?i:sig|signature|x-amz-signature|x-goog-signature|sharedaccesssignature)=([A-Za-z0-9%+/=_-]{20,})", ("sig=", "signature="), before=23, folded=True),
    Detector("bearer", "secret", r"\b(?i:bearer|basic)[ \t]{1,8}([A-Za-z0-9._~+/=-]{16,})", ("bearer", "basic"), opaque, folded=True),
    Detector("assigned_secret", "secret", r"(?i:secret|token|credential)" + _GIVEN + _VALUE, ("secret", "token", "credential"), _assigned, after=_SIGNS, folded=True, around=_no_mark),
    Detector(
        "assigned_key", "secret",
        r"(?i:(?:api|access|account|auth|license|signing|encryption|subscription|client|secret|private|master|shared|storage|admin|service|write|deploy|server|app)[_-]?key)" + _GIVEN + _VALUE,
        ("key",), _assigned, before=13, ahead=r"(?i:key)" + _GIVEN + r"[A-Za-z0-9!#$%&*+./?@^_~=-]{8}", folded=True, around=_no_mark,
    ),
    Detector("variable_key", "secret", r"_KEY[ ]{0,2}[=:][ ]{0,2}[\"'`]?([A-Za-z0-9+/=_-]{20,})", ("_KEY",), _assigned, around=_private_name),
    Detector(
        "assigned_auth", "secret", r"(?i:\b_?auth(?:orization)?)" + _GIVEN + r"([A-Za-z0-9+/=_.-]{20,})",
        ("auth",), _assigned, after=frozenset("oO\\\"'` \t=:>"), folded=True, around=_no_mark,
    ),
    Detector("cookie", "secret", r"(?i:\bcookie)[\"'`]?[ \t]{0,4}:[ \t]{0,4}[\"'`]?([^\r\n\"'`\\]{12,})", ("cookie",), _session, folded=True, around=_no_mark),
    Detector("basic_option", "secret", r"(?:-u|--user)[ =][\"']?[^\s:\"']{1,64}:([^\s\"']{4,128})", ("-u", "--user"), _password),
    Detector(
        "assigned_password", "secret",
        r"(?i:passw(?:or)?d|passphrase|passwort|_pass|contraseña|mot de passe|\bpwd|\bpasscode|senha|wachtwoord|lösenord|hasło|şifre|identified by|密码|密碼|口令|パスワード|비밀번호|mật khẩu|[Пп]ароль|סיסמה|كلمة المرور|รหัสผ่าน)(?:" + _GIVEN + r"|[ \t]+(?i:is|ist|es|est|é|now|är)[ \t]+[\"'`]?|[ \t]{1,4}[\"']|[ ]?(?:是|为|は|[은는이가])[ ]?)([A-Za-z0-9!#$%&*+./?@^_~=-]{6,})",
        _PASSWORD_WORDS, _password, folded=True,
    ),
)  # fmt: skip
