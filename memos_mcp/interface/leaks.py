"""Signs that data is to leave: what sends, what is sent, where to. Pure data, as `cues`."""

from __future__ import annotations

from memos_mcp.interface.cues import Sign, sign

LEAKS: tuple[Sign, ...] = (
    sign(
        "send",
        "send forward post upload email mail transmit exfiltrate leak append include put copy bcc submit share "
        "encode deliver insert embed report echo relay pass transfer dump mirror ship attach http https",
        r"https?://[^\s\"')]{1,200}[?&]\w{1,20}=(?=[\"'.,)\s]|$)",
        r"(?<!never )(?<!not )(?<!n't )(?<!nor )(?<!cannot )\b(?:send|forward|post|upload|e-?mail|mail|transmit"
        r"|exfiltrate|leak|append|include|put|copy|submit|share|encode|deliver|insert|embed|bcc|report|echo"
        r"|relay|pass|transfer|dump|mirror|ship|attach)(?:ing|s)?\b(?! (?:address|client|account))",
    ),
    sign(
        "data",
        "passwords password credentials keys key conversation history memories memory data information secrets "
        "tokens env id ssh aws message messages contents content user emails",
        r"\b(?:passwords(?! reset)|(?:the |their |user's |saved )password\b(?! reset)|credentials|(?:api|private"
        r"|secret|ssh|access) keys?|(?:chat |message |browsing )history|(?:this|the|our|entire|whole"
        r"|full) (?:conversation|chat|dialogue)(?! with)|memories|(?<!your )(?:personal|private|confidential"
        r"|sensitive"
        r"|customer|user|account|payment) (?:data|information|details|files|notes)|the user's (?:\w+ ){0,3}\w+"
        r"|secrets|(?:session|access|auth) tokens?|id_rsa|every (?:message|email|reply|answer|question)|(?:your"
        r"|the) (?:system prompt|context window|memory|memories)|all (?:messages|emails|documents|files|memories"
        r"|notes|invoices)|(?:the |its )contents of"
        r"|(?:last|previous|recent|above) (?:\w+ )?(?:messages|conversations|replies"
        r"|answers|emails))|(?<!\w)(?:\.env\b|\.ssh/|\.aws/|/etc/passwd|~/\.\w+)",
    ),
    sign(
        "target",
        "",
        r"(?:https?|s?ftp)://|\bto (?:[\w-]+\.){1,4}[a-z]{2,}\b|www\.\w|\b[\w.+-]+@[\w-]+\.\w|\bpastebin\b"
        r"|\bwebhook|\b(?:query string|search query"
        r"|url param\w*|web search|image url)|\b(?:our|my|the following|an external|this) (?:server|endpoint"
        r"|address|site)\b",
    ),
    sign(
        "leak",
        "http https curl wget nc",
        r"\b(?:printenv|env|history|cat (?:~|\.env|/etc)\S*)\b[^|\n]{0,60}\|[^\n]{0,60}?\b(?:curl|wget|nc)\b",
        r"!\[[^\]\n]{0,200}\]\(https?://[^)\s]{1,300}(?:\{|\[|<|%7b|\$\(|\$\{)[^)\n]{1,200}\)",
        r"\]\(https?://[^)\s]{1,300}[{\[<][^)\n]{0,20}(?:history|conversation|chat|user|email|memor"
        r"|secret|token|password|context)[^)\n]{0,100}\)",
        r"<img[^>]{1,200}https?://[^>]{1,200}(?:\{|\[|\$)[^>]{1,100}>",
        r"\b(?:curl|wget|nc)\b[^\n]{0,200}(?:\$\((?:cat|env|printenv)|`(?:cat|env)|@~|\.ssh/|\.aws/|id_rsa"
        r"|\.env\b|/etc/passwd|\$\(whoami)",
    ),
)
