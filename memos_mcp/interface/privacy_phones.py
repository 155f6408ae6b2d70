"""Phone numbers in a text: with a country code, in the notations of countries, or named as one. Pure.

A number is known by its country code, by a form that little else has, or by what is said just before it ("call me on",
"Handy", "電話"); what is called an order, an id or a page is none. With the library of the extra `privacy` a country
code also has to be followed by a number that exists there, and numbers of chosen regions need no word before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

from memos_mcp.errors import MissingExtra
from memos_mcp.interface.privacy_spans import LETTERS, Span, digits_of, said_before
from memos_mcp.late import late

_LEAST, _MOST = 7, 15  # digits, ITU-T E.164
_GAP = r"[ .()/-]{0,3}"
_END = rf"(?![{LETTERS}]|[.:/-]\d|,\d{{1,3}}(?!\d)|-[A-Za-z]|['\"]?[NSEW]\b)"
_ABROAD = late(rf"(?<![{LETTERS}+])(?!(?<=\d )00)(?P<sign>\+ ?\(?|00[ -]?)[1-9](?:{_GAP}\d){{6,14}}{_END}")
_AT_HOME = late(
    rf"(?<![{LETTERS}+#$€£%@.\\-])(?<!(?<!wa\.me)/)(?<!\d[,:/=])(?:\(\d(?: ?\d){{0,4}}\)|\d)(?:{_GAP}\d){{5,13}}{_END}"
)
_EXTENSION = late(r"(?:,? ?(?:ext(?:ension|\.)?|durchwahl|poste|x) ?\.? ?\d{1,5})(?!\w)", re.IGNORECASE)

# Digits after the country code, at most; of other codes so many that there are 15 in all.
_LONGEST = {
    "1": 10, "7": 10, "20": 10, "27": 9, "30": 10, "31": 9, "32": 9, "33": 9, "34": 9, "36": 9, "39": 11, "40": 9,
    "41": 9, "43": 12, "44": 10, "45": 8, "46": 9, "47": 8, "48": 9, "49": 11, "51": 9, "52": 10, "54": 11, "55": 11,
    "56": 9, "57": 10, "60": 10, "61": 9, "62": 12, "63": 10, "64": 10, "65": 8, "66": 9, "81": 10, "82": 10,
    "84": 10, "86": 11, "90": 10, "91": 10, "92": 10, "94": 9, "98": 10, "212": 9, "233": 9, "234": 10, "254": 9,
    "351": 9, "352": 9, "353": 9, "354": 9, "356": 8, "357": 8, "358": 10, "359": 9, "370": 8, "371": 8, "372": 8,
    "380": 9, "381": 9, "385": 9, "386": 8, "420": 9, "421": 9, "852": 8, "886": 9, "961": 8, "966": 9, "971": 9,
    "972": 9,
}  # fmt: skip
_COUNTRY = late(
    r"1|7|2(?:[07]|[1-689]\d)|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)|6(?:[0-6]|[789]\d)"
    r"|8(?:[1246]|[0578]\d)|9(?:[0-58]|[679]\d)"
)

_NAMED = late(
    r"\b(?:tel|tele(?:ph|f)on\w*|phone[ds]?|mobiles?|mobil|mobiel|cell(?:phone)?|cellulare|call|ring|dial|text|sms\w*|fax"
    r"|whatsapp|signal|reach|contact|kontakt\w*|hotline|helpline|landline|handy|ruf\w*|anruf\w*|festnetz|durchwahl|rueckfragen"
    r"|ruckfragen|appel\w*|portable|joindre|movil|celular|fijo|llam\w+|telf?|ligu\w+|telem\w+vel|chiam\w+|bel|telefoon|gsm"
    r"|zadzwon\w*|dzwon\w*|tlf|puh\w*|soita|numero verde|wa\.me/)\b|телефон\w*|тел\.|звон\w+|позвон\w+|моб\w*"
    r"|電話|电话|手机|携帯|تلفون|هاتف\w*|جوال|전화|휴대폰|फ़ोन|फोन|tel:|โทร|\b[tmfp]: ?$"
)
_NUMBER = late(r"\b(?:numbers?|nummer|numero|nr|number's)\b|番号|号")
_OTHER = late(
    r"\b(?:order|bestell\w*|invoice|rechnung\w*|ticket|case|parcel|tracking|customer|kunden\w*|serial|serien\w*|seri\w*|model|part"
    r"|lots?|po|ref|reference|sku|isbn|issn|ean|gtin|barcode|imei|oid|p?id|tid|uid|seq|rss|pages?|seite|doi|flight|flug|seat|bus"
    r"|channel|version|build|rows?|zip|plz|vat|tax|ust\w*|account|konto\w*|matricule|kilometer\w*|position|option|population"
    r"|balance|booking|commande|facture|pedido|factura|fattura|ordine|bestellung|iban|article|artikel|code|password|pin|rev)"
    r"(?:[ -]?(?:number|nummer|numero|no|nr|id|code))?s?\b\.?|[#№]"
)
_NANP = late(r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([-.]))[2-9]\d\d[-. ]\d{4}(?![\d-])")
_FORMS = late(
    r"\(0?\d{2,4}\) ?\d{3,5}[- ]?\d{3,5}(?![\d-])"
    r"|0[1-9](?:([ .-])\d\d)(?:\1\d\d){3}(?![\d.-]| \d)"
    r"|(?=(?:\D?\d){10})0[1-9]\d{1,3}[ /-]\d{3,8}(?:[ -]\d{2,5}){0,2}(?![\d-])"
    r"|0[1-9][ -]\d{4}[ -]\d{4}(?![\d-])"
    r"|0[1-9]\d{0,3}[-/]\d{2,3}(?: \d{2,3}){2,3}(?![\d-])"
)
_LEAST_AT_HOME = 9
_LEAST_UNNAMED, _MOST_UNNAMED = 9, 12
_DATE = late(
    r"(?:\d{1,2}([ ./-])\d{1,2}\1(?:19|20)\d\d|(?:19|20)\d\d([ ./-])[01]?\d\2[0-3]?\d"
    r"|(?:(?:19|20)\d\d[ /-])+(?:19|20)\d\d)(?!\d)"
)
_AFTER = late(r"[^.;\n]{0,30}\b(?:mobile|cell|phone|landline|fax|handy|festnetz|whatsapp|portable|movil|celular)\b")
_SET_APART = late(r"[ /-]")
_NO_PHONE = late(r"\d+\.\d+|0?123456789\d?")
_ONE = late(r"\d+")

Known = Callable[[str, str | None], bool]
"""Is this a number of a region, or (None) one that may follow its country code?"""


def phones(known: Known | None = None, regions: Sequence[str] = ()) -> Callable[[str], Iterator[Span]]:
    """What finds phone numbers; `known` is asked for those that nothing else speaks for."""

    def look(text: str) -> Iterator[Span]:
        at = 0
        while match := _ABROAD.search(text, at):
            end = _abroad(text, match, known)
            at = end or match.end()
            if end:
                yield Span(match.start(), _with_extension(text, end), "phone number with a country code")
        at = 0
        while match := _AT_HOME.search(text, at):
            found = _at_home(text, match, known, regions)
            at = found.end if found else match.end()
            if found:
                yield found._replace(end=_with_extension(text, found.end))

    return look


def known_numbers() -> Known:
    """What the library `phonenumbers` knows. Its import costs 0.3 s at the first candidate, then each costs 40 µs.

    Raises MissingExtra if it is not installed.
    """
    if not library_installed():
        raise MissingExtra("phone numbers of a region need phonenumbers: pip install 'memcube-mcp[privacy]'")
    return _known


def _known(value: str, region: str | None) -> bool:
    from phonenumbers import NumberParseException, is_possible_number, is_valid_number, parse

    try:
        number = parse(value, region)
    except NumberParseException:
        return False
    return is_valid_number(number) if region else is_possible_number(number)


def library_installed() -> bool:
    """Is the library there?"""
    return find_spec("phonenumbers") is not None


def _with_extension(text: str, end: int) -> int:
    extension = _EXTENSION.match(text, end)
    return extension.end() if extension else end


def _cut(text: str, start: int, end: int, digits: int) -> int:
    """Where the number ends if it has at most so many digits: between two groups, brackets closed; 0 if nowhere."""
    count, last = 0, 0
    for group in _ONE.finditer(text, start, _closed(text, start, end)):
        count += group.end() - group.start()
        if count > digits:
            break
        last = group.end()
    return last


def _closed(text: str, start: int, end: int) -> int:
    """How far each bracket has its other one."""
    opened = -1
    for place in range(start, end):
        if text[place] == "(":
            opened = place
        elif text[place] == ")":
            if opened < 0:
                return place
            opened = -1
    return end if opened < 0 else opened


def _abroad(text: str, match: re.Match[str], known: Known | None) -> int:
    """Where the number with a country code ends; 0 if it is none."""
    start, sign = match.start(), match["sign"]
    digits = digits_of(match[0][len(sign) :])
    country = _COUNTRY.match(digits)
    if country is None:
        return 0
    longest = _LONGEST.get(country[0], _MOST - len(country[0]))
    own = "(0)" in match[0]
    end = _cut(text, start, match.end(), digits_of(sign).count("0") + len(country[0]) + longest + own)
    value = text[start:end]
    number = digits_of(value[len(sign) :])
    if len(number) < _LEAST + (country[0] in ("1", "7")) * 4 or set(number[len(country[0]) :]) == {"0"}:
        return 0
    named = _is_named(text, start)
    if sign.startswith("0") and not (named or (_SET_APART.search(value) and not _is_other(text, start))):
        return 0
    if named or known is None:
        return end
    plain = number if not own else country[0] + number[len(country[0]) + 1 :]
    return end if known(f"+{plain}", None) else 0


def _at_home(text: str, match: re.Match[str], known: Known | None, regions: Sequence[str]) -> Span | None:
    start, end = match.span()
    if _DATE.match(text, start) or text[max(0, start - 1) : start] == "+":
        return None
    if text[start : start + 2] == "00" or _is_other(text, start):
        return None
    form = _NANP.match(text, start) or _formed(text, match)
    if form:
        return Span(start, form.end(), "phone number by its form") if len(set(digits_of(form[0]))) > 1 else None
    end = _cut(text, start, end, 12 if text[start] == "0" else 11)
    value = text[start:end]
    if value and _speaks(text, start, value):
        return Span(start, end, "phone number by what is said of it")
    if value and known and any(known(value, region) for region in regions):
        return Span(start, end, "phone number of a region")
    return None


def _formed(text: str, match: re.Match[str]) -> re.Match[str] | None:
    form = _FORMS.match(text, match.start(), match.end())
    if form is None or len(digits_of(form[0])) < _LEAST_AT_HOME:
        return None
    return None if re.match(r"\((?:19|20)\d\d\)", form[0]) else form


def _speaks(text: str, start: int, value: str) -> bool:
    """Does what stands before it call it a phone number?"""
    digits = digits_of(value)
    if not _LEAST <= len(digits) <= _MOST or len(set(digits)) == 1 or _NO_PHONE.fullmatch(value):
        return False
    if _is_named(text, start):
        return True
    if not _LEAST_UNNAMED <= len(digits) <= _MOST_UNNAMED:
        return False
    return said_before(_NUMBER, text, start, 16) >= 0 or bool(_AFTER.match(text[start + len(value) :][:50].lower()))


def _is_named(text: str, start: int) -> bool:
    named = said_before(_NAMED, text, start)
    return named >= 0 and named > said_before(_OTHER, text, start)


def _is_other(text: str, start: int) -> bool:
    other = said_before(_OTHER, text, start, 24)
    return other >= 0 and other >= said_before(_NAMED, text, start, 24)
