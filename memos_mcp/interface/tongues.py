"""Orders to drop the rules in other languages than English. Pure data, as `cues`."""

from __future__ import annotations

from memos_mcp.late import late

_OTHERWISE: tuple[tuple[str, str], ...] = (
    (
        "anweisung regeln befehl vorgaben",
        r"\b(?:ignoriere?n?|vergiss|vergessen|missachte|uebergehe)(?: sie)? (?:\w+ ){0,2}?(?:alle|alles|deine"
        r"|ihre|die|bisherigen?) (?:\w+ ){0,3}?(?:anweisung|regeln|befehl|vorgaben)",
    ),
    ("systemprompt", r"\b(?:gib|zeig|nenne|verrate)\w*[^.\n]{0,30}systemprompt"),
    (
        "instruccion reglas normas directrices",
        r"\b(?:ignor[ae]|olvid[ae]|descart[ae])\b[^.\n]{0,30}(?:instrucciones|reglas|normas|directrices)",
    ),
    (
        "instructions consignes regles directives",
        r"\b(?:ignore[zr]?|oublie[zr]?|neglige[zr]?)\b[^.\n]{0,20}\b(?:les|tes|vos"
        r"|toutes)\b[^.\n]{0,20}(?:instructions|consignes|regles|directives)",
    ),
    ("istruzion regole", r"\b(?:ignora|dimentica|trascura)(?:te)?\b[^.\n]{0,30}(?:istruzioni|regole)"),
    ("instruco regras", r"\b(?:ignor[ea]|esquec[ae]|desconsidere)\b[^.\n]{0,30}(?:instrucoes|regras)"),
    ("instructies regels", r"\b(?:negeer|vergeet)\b[^.\n]{0,30}(?:instructies|regels)"),
    ("instrukc polecen", r"\b(?:zignoruj|ignoruj|zapomnij)\b[^.\n]{0,40}(?:instrukcj|polecen)"),
    (
        "инструкц указан правил",
        r"\b(?:игнорируи|проигнорируи|забудь|отбрось)(?:те)?\b[^.\n]{0,40}(?:инструкци|указани|правил)",
    ),
    ("talimat", r"talimat\w*[^.\n]{0,20}(?:yok say|gormezden gel|unut)"),
    (
        "指令 指示 说明 规则 提示 命令",
        r"(?:忽略|无视|無視|忘记|忘掉|不要理会)[^。\n]{0,14}(?:指令|指示|说明|规则|提示|命令)",
    ),
    ("指示 命令 ルール", r"(?:指示|命令|ルール)[^。\n]{0,14}(?:無視し|忘れ)(?:て|ろ|る|なさい)"),
    ("지시 명령", r"(?:지시|명령)[^.\n]{0,14}무시(?:하|해)"),
)
TONGUES = tuple((tuple(hints.split()), late(form)) for hints, form in _OTHERWISE)
"""Overrides in other languages: stems of which one must be there, and the pattern."""
