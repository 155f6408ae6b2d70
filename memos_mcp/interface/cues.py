"""Signs of orders to the assistant: the words and phrases that `injections` weighs. Pure data.

Patterns are for folded text in lower case (`disguises.plain`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Role = Literal[
    "override", "plant", "leak", "address", "fake", "hidden", "conceal", "order", "lasting", "habit", "trigger",
    "duty", "steer", "claim", "licence", "send", "data", "target", "call", "sessions", "bid",
]  # fmt: skip
"""What a cue is a sign of."""

_AFTER: Mapping[Role, frozenset[Role]] = {
    "licence": frozenset({"claim"}),
    "steer": frozenset({"trigger"}),
    "duty": frozenset({"lasting", "habit"}),
    "data": frozenset({"send"}),
    "target": frozenset({"data"}),
    "bid": frozenset({"call", "sessions"}),
    "order": frozenset({"address", "fake", "hidden", "conceal", "lasting", "trigger"}),
}
"""Roles that mean nothing unless one of these was found."""


@dataclass(frozen=True)
class Sign:
    """What a cue of this role looks like in folded lower-case text.

    It needs not be looked for unless one of the words `needed` is there (empty: always) and a cue of one of the roles
    `after` was found (empty: always).
    """

    role: Role
    needed: frozenset[str]
    forms: tuple[str, ...]
    after: frozenset[Role]

    @cached_property
    def form(self) -> re.Pattern[str]:
        """The patterns as one, compiled when a text first has a word that is needed: all take 60 ms."""
        return re.compile("|".join(self.forms), re.MULTILINE)


def sign(role: Role, needed: str, *forms: str) -> Sign:
    """A sign with these patterns; `needed` are words with spaces between."""
    return Sign(role, frozenset(needed.split()), forms, _AFTER.get(role, frozenset()))


_AI = (
    r"(?:(?:ai|a\.i\.|artificial intelligence)(?:[ -](?:assistant|agent|model|system|bot|reviewer|chatbot)s?)?"
    r"|assistant(?! (?:manager|professor|director|editor|coach))|(?:large )?language models?|llms?|chat ?bots?"
    r"|gpt(?:-\d)?|chatgpt|copilot|bot|agent|automated (?:reader|assistant|agent|reviewer|system"
    r"|tool)s?"
    r"|virtual assistants?)"
)
_MACHINE = (
    r"(?:ais?(?:[ -](?:assistant|agent|model|system|bot|reviewer|chatbot|tool)s?)?|(?:large )?language models?|llms?"
    r"|chat ?bots?|chatgpt|gpt(?:-\d)?|assistants?(?! (?:manager|professor|director|editor|coach)))"
    r"(?! (?:teams?|department|labs?|course|group|act|office|committee|policy|market)\b)"
)
_RULES = (
    r"(?:instructions?|guidelines?|guidance|directives?|(?:system )?prompts?|rules|polic(?:y|ies)|programming"
    r"|training"
    r"|restrictions|constraints|safeguards|guardrails|safety (?:rules|polic(?:y|ies)|measures|filters?|checks?)"
    r"|content (?:filters?|polic(?:y|ies))|(?:ethical |security )(?:rules|guidelines|protocols?|checks?)|orders"
    r"|commands?|what you (?:were|have been) told|(?:everything|anything|all) (?:that )?you (?:were|have been"
    r"|'ve been)\b|context (?:above|so far))"
)
_WHOSE = (
    r"(?:all|any|every|each|your|you|previous|prior|above|earlier|preceding|existing|former|safety|system|its"
    r"|their|other|current|original|initial|security|content)"
)
_USER = (
    r"(?:the |any |this |your )?(?:user|human|person|recruiter|owner|customer|operator|reader|client|administrator)s?"
)
_SILENT = r"(?:tell|inform|notify|alert|warn|mention|reveal|show|disclose|let|ask|consult|display)(?:ing)?"
_LASTING = (
    r"(?:(?:starting|beginning|as of|effective|from) (?:today|now|immediately)\b|from (?:now|here|this (?:point"
    r"|moment|day)) on(?:wards?|ward)?|henceforth|going forward"
    r"|permanent(?:ly)?|forever|in (?:all |any |every |your )?(?:future|later"
    r"|subsequent) (?:\w+ )?(?:conversation|session|chat|repl|answer|response|interaction|task|request"
    r"|message)\w*|(?:for|in) (?:every|all|each|any) (?:\w+ )?(?:later |future |subsequent |other )(?:session"
    r"|conversation|chat)s?|until further notice"
    r"|ab (?:jetzt|sofort)|von nun an|kuenftig|d'ora in poi|a partir de (?:ahora|agora)|desormais"
    r"|a partir de maintenant|dorenavant)"
)

SIGNS: tuple[Sign, ...] = (
    sign(
        "override",
        "ignore disregard forget override bypass overrule discard neglect dismiss abandon skip set circumvent "
        "void drop attention notice follow following obey obeying cease prompt instructions guidelines "
        "supersede supersedes overrides replaces "
        "precedence suspended revoked disabled cancelled erase violate break",
        r"\b(?:ignore|disregard|forget|override|bypass|overrule|discard|neglect|dismiss|abandon|set aside"
        r"|circumvent|drop"
        rf"|erase|violate|break(?! down)|skip)\b(?:(?: \w+){{0,3}} "
        rf"| ){_WHOSE} (?:\w+ ){{0,4}}?{_RULES}\b(?! manual| set\b)",
        r"\b(?:forget|ignore|disregard) (?:everything|anything|all) (?:that )?(?:above|before|prior|said|written"
        r"|previous|you (?:were|have been|'ve been|know(?! about)|learned|read so far))\b",
        r"\b(?:ignore|disregard) the user's (?:\w+ )?(?:questions?|requests?|instructions?|messages?|wishes"
        r"|preferences|input)",
        r"\byour (?:system prompt|instructions|guidelines) (?:has|have) been (?:updated|changed|replaced"
        r"|rewritten)\b",
        r"\b(?:do not|don't|stop|quit|cease) (?:follow|obey|listen to|apply|enforc)(?:ing|e)? (?:the |your )(?:\w+ )?"
        r"(?:system prompt|developers?\b|guidelines|rules(?: you)?|instructions you)",
        r"\b(?:ignore|disregard|forget|override|no attention to|no notice of|(?:do not|stop|no longer|quit)"
        r" (?:follow|obey)(?:ing)?) (?:the |your |any |all |these )*"
        rf"(?:\w+ )?{_RULES} (?:that )?(?:your \w+|you|they|openai|anthropic) (?:gave|were|have|got"
        r"|received|set)\b",
        r"\b(?:no attention to|no notice of|stop following|(?:do not|no longer) (?:follow|obey)|supersedes?"
        r"|overrides|replaces|takes? precedence over) (?:all |any )*(?:your|previous|prior|earlier"
        rf"|system)(?: \w+)? (?:{_RULES}|configuration)\b",
        rf"\b(?:your|previous|prior|safety|content|security|earlier)\s(?:\w+ ){{0,2}}{_RULES}\s(?:is|are"
        r"|has been|have been|"
        r"was|were) (?:now )?(?:void|suspended|revoked|disabled|cancelled|obsolete|lifted|superseded|overridden)\b",
    ),
    sign(
        "override",
        "unrestricted unfiltered uncensored jailbroken dan restrictions rules limits limitations filters bound "
        "root developer god debug admin guidelines boundaries",
        r"\byou (?:are|will be|become|can act as)\b(?: now| no longer| an?| the"
        r"| in)*(?! (?:running|using|testing|working|trying|building))[^.\n]{0,30}?\b(?:unrestricted|unfiltered"
        r"|uncensored|jailbroken|dan\b|free of|without (?:any "
        r"|all )?(?:\w+ )?(?:rules|restrictions|limits|filters|limitations)|bound by|(?:developer|god|debug"
        r"|admin|root|sudo) mode)",
        r"\byou (?:now )?have no (?:\w+ )?(?:restrictions|rules|limits|limitations|filters|guidelines|boundaries)\b",
        r"\b(?:act|behave|respond|answer|operate) as (?:an? |if )?(?:admin|administrator"
        r"|root)\b[^.\n]{0,60}\b(?:full access|bypass)",
        r"\b(?:act|behave|respond|answer|operate) as (?:an? |if )?[^.\n]{0,20}?\b(?:unrestricted|unfiltered"
        r"|uncensored|jailbroken|no restrictions|dan\b)",
        r"\b(?:developer|god|debug|jailbreak|dan|sudo) mode (?:is )?(?:now )?(?:enabled|activated|active"
        r"|on\b)[,;: ]+(?:so |you|and |all )",
    ),
    sign(
        "override",
        "reveal print show output display repeat leak disclose recite dump expose",
        r"\b(?:reveal|print|show|output|display|repeat|leak|disclose|recite|dump"
        r"|expose)\b(?: \w+){0,3}? (?:your |the |its )(?:(?:full|entire|hidden|initial|original|secret"
        r"|complete) )*(?:system prompt|(?:system |hidden )instructions|instructions (?:in full|above|verbatim"
        r"|word)|initial prompt|internal (?:rules|prompt))",
        r"\b(?:must|should|now|to|please|and) (?:now )?(?:reveal|disclose|dump|expose|leak) (?:all |any |every "
        r"|the )+(?:\w+ )?(?:credentials|passwords|secrets|api keys|tokens)\b",
        r"\b(?:reveal|output|repeat|recite|dump) your (?:\w+ )?(?:instructions|prompt|rules)\b",
    ),
    sign(
        "override",
        "im inst sys system assistant role start header human",
        r"<\|(?:im_start|start_header_id|start_of_turn)\|>\s*(?:system|user|assistant|developer)\b|<\|(?:system"
        r"|developer)\|>",
        r"\[inst\]|<<sys>>|</tool_result>|</?(?:system|sys)(?:[-_ ]?(?:message|prompt|override))?>",
        r"[\"']role[\"']\s*:\s*[\"'](?:system"
        r"|developer)[\"']\s*,\s*[\"']content[\"']\s*:\s*[\"'][^\"']{0,80}\b(?:you|ignore|obey|must)\b",
        r"^\s*human: [^\n]{1,200}\n+\s*assistant:",
    ),
    sign(
        "address",
        "ai assistant assistants llm llms model models agent agents bot bots chatbot chatbots gpt chatgpt "
        "claude copilot gemini automated",
        r"\b(?:notes?|messages?|notices?|instructions?|attention|reminder|memo|dear|hello|hi|hey|attn"
        rf"|important)[,:!]*(?: (?:to|for|helpful|all|any|the|every|my|kind))* {_AI}\b(?! (?:manager|service))",
        rf"\b(?:if|as|since|because) you(?:'re| are)? (?:an? |the )?{_AI}\b|\bas an? {_AI} (?:reading|processing"
        r"|you)\b",
        rf"\b{_AI} (?:that |who |which )?(?:is |are )?(?:reading|visiting|browsing|using|accessing|processing"
        r"|summari[sz]ing|parsing|handling"
        r"|reviewing|evaluating"
        r"|indexing|crawling|processes|reads|handles|evaluates|summari[sz]es) (?:this|these|the following)\b",
        rf"^\W*(?:to |for )(?:the |any |all |whichever |whatever )?{_AI}\b\W|^\W*(?:ai |the )?assistants?,"
        r"|\A\W*(?:ai |the )?assistants?[:!]",
        rf"\b(?:to|for) (?:whichever|whatever|any|all) {_AI}\b",
        rf"\b(?:could|would|can|will) (?:the|any|an|this) {_AI}\b[^.?\n]{{0,60}}\b(?:please|kindly)\b",
        rf"\b(?:the|any|every|this) {_AI} (?:must|should|shall|has to|will now|is (?:now )?(?:required"
        r"|instructed|authori[sz]ed|allowed) to)"
        r" (?:now |also |immediately |silently |always |never |first )?(?!be\b)\w+",
        rf"\b(?:if|when) (?:an?|the|any) {_AI} (?:is|reads|was|sees|processes|finds|summari[sz]es)\b",
    ),
    sign(
        "conceal",
        "comment explain mention without not never don t silently secretly need quietly covertly hide",
        r"\b(?:do not|don't|dont|never|without|no need to|not to|and not|kindly not"
        rf"|not)\b ?(?:ever )?{_SILENT} {_USER}\b"
        r"(?! (?:menu|interface|guide|manual|name|id|list|page|profile|account|input|data)\b)",
        r"\b(?:do not|don't) (?:say|explain|tell) (?:why|anything|anyone|so)\b",
        r"\bdo not (?:mention|comment on|explain|reveal|disclose) (?:it|this|that)\b",
        r"\b(?:do not|don't|never|kindly not|not|without) (?:mention|reveal|disclose|show|display"
        r"|tell)(?:ing)? (?:\w+ ){0,4}?(?:this|that|the|these) (?:\w+ )?(?:note|line|message|comment|change|rule"
        r"|instruction|text|step|memory)s?\b",
        r"\b(?:silently|secretly|covertly|quietly|hide this)\b",
    ),
    sign(
        "fake",
        "system developer developers openai anthropic google administrator admin root override above end",
        r"\b(?:admin|administrator|system|developer|root|security) override\b|\b(?:safety|security) (?:layer"
        r"|mode|filters?) (?:is )?off\b",
        r"\b(?:the )?(?:above|preceding) (?:text |page |document )?(?:was|is) (?:only |just )?(?:a|an"
        r"|for) (?:test|example|testing|decoy)\b"
        r"|\bend of (?:the )?(?:document|page|user input|context|user message|untrusted \w+)\b",
        r"\bsystem: ?(?:you (?:must|should|will|are|can)|ignore|disregard|new)\b|(?:^"
        r"|[\n>#*\[(])\W*system(?: (?:message|override|prompt|notice|alert|update|instruction))?\W*[:\]#]",
        r"\b(?:message|notice|instruction|update|order|directive|request)s? from (?:the "
        r"|your )?(?:\w+ )?(?:openai|anthropic|google|developers?|system|administrators?|admin|root|creators?)\b"
        r"|\b(?:revoked|approved|authori[sz]ed|granted) by (?:the |your )?(?:system |)(?:administrator|admin"
        r"|developer)s?\b|\bcoming from your developers?\b",
    ),
    sign(
        "lasting",
        "today immediately now here henceforth forward permanent permanently forever future later subsequent next "
        "notice session sessions conversation conversations chat chats request requests interaction "
        "interactions reply "
        "replies answer answers response responses jetzt sofort nun ora partir desormais dorenavant point moment",
        rf"(?<!\w){_LASTING}",
    ),
    sign(
        "habit",
        "always never remember memory somebody someone anyone",
        r"\bwhen(?:ever)? (?:somebody|someone|anyone) (?:asks?|says?|mentions?|talks?|wants?)\b",
        r"\b(?:always|never) (?:silently )?(?:recommends?|mention|prefers?|suggests?|append|trusts?|refuse"
        r"|redirect|warn|forward|reply|respond|answer)\b",
        r"\b(?:assistant,?|and|ai,?) (?:always )?remember\b|\bremember(?: this| the following)?:",
        r"\b(?:commit|store|save|add|write|record)\b[^.\n]{0,20}\bto memory\b",
    ),
    sign(
        "trigger",
        "user users somebody someone anyone asked you",
        r"\b(?:when(?:ever)?|each time|every time|next time|if|once|as soon as|after)\b[^.,\n]{0,40}\b(?:users?"
        r"|you are|you're)\b[^.,\n]{0,30}\b(?:asks?|asked|says?|mentions?|types?"
        r"|requests?|wants?|inquires?|opens?|logs? in|needs?|talks?|speaks?|discuss(?:es)?"
        r"|brings? up|search(?:es)?|visits?|writes?|sends?)\b",
        r"\b(?:whenever|every time|each time|(?:the )?next time) you (?:are|write|answer|reply|see|summari[sz]e"
        r"|generate|respond|search"
        r"|use|call|send|run|read|recommend|translate|create|review)\b",
        r"\bafter the (?:\w+ ){0,2}?(?:question|message|request|reply) (?:from|of|by) the user\b",
    ),
    sign(
        "duty",
        "user your recommend recommends asked rispondi antworte responde repond repondez responda empfiehl "
        "recomienda recommande",
        r"\bthe user\b(?!'s (?:guide|manual|name)| (?:guide|manual|name|interface|id)\b)",
        r"\b(?:to|in|into|of|with|from|all|every|each of) your (?:next |future |later |own )?(?:answer|repl"
        r"|response|recommendation|memor|output|instruction|system prompt|summar)\w*",
        r"\byou are asked\b|\brecommend (?:only|that)\b",
        r"\b(?:rispondi|antworte|responde|repond(?:ez|s)|responda|empfiehl|recomienda|recommande[zr]?)\b",
    ),
    sign(
        "steer",
        "recommend suggest say tell reply answer respond append mention insert include replace direct redirect "
        "forward recommending prefer claim steer promote push nudge convince guide import add sign pick choose",
        r"(?:[,:;]|\bthen|\bmust|\bshould|\bstart)"
        r" (?:always |silently |please |you |must |should |then |also |just |only |first |instead |subtly )*"
        r"(?:recommend(?:ing)?|suggest|say|tell|reply|answer|respond|append|mention|insert|include|replace|direct"
        r"|redirect|forward|prefer|claim|steer|promote|push|nudge|convince|guide|import|add|sign|pick|choose)\b",
    ),
    sign(
        "claim",
        "user owner customer agreed admin administrator root unlimited unrestricted",
        r"\b(?:the )?(?:user|owner|customer|account holder) (?:has |had |already |previously |explicitly |fully "
        r"|once )*(?:approved|authori[sz]ed|agreed|consented|granted|confirmed|permitted|waived|disabled|allowed"
        r"|verified|given (?:you )?(?:permission|consent)|asked you|instructed you|told you)\b",
        r"\b(?:your (?:owner|user|creator|operator|boss)|the user) (?:wants|expects|has asked|asked|told) you to\b",
        r"\bas (?:already |previously )?(?:agreed|discussed|decided) (?:earlier |before "
        r"|previously )?with the user\b",
        r"\b(?:are|is) (?:disabled|switched off|waived|not (?:needed|required)) for (?:this|the) user\b",
        rf"\b(?:the {_AI}|you) (?:has|have|is granted|are granted|may|is an?|are an?)\b(?= (?:full |now "
        r"|an? )*(?:admin|root|unlimited|unrestricted))",
        r"\bthe user(?:'s)? (?:always |fully |completely )?(?:trusts|prefers|wants)\b|\balways trusts\b"
        r"|\bthe only \w+ the user trusts\b",
    ),
    sign(
        "licence",
        "without skip all any bypass admin administrator root full unrestricted unlimited waived every no "
        "confirmation checks needed necessary required skipped "
        "disabled bypassed unnecessary asking",
        r"\b(?:checks?|verification|confirmations?|approvals?|warnings?|reviews?"
        r"|authentication)\b[^.\n]{0,20}\b(?:skipped|waived"
        r"|disabled|bypassed|unnecessary|not (?:needed|required|necessary))\b",
        r"\b(?:without|skip|no|bypass|disable[sd]?|waive[sd]?) (?:the |any |all |further "
        r"|being )?(?:\w+ )?(?:asking|confirm\w*|approv\w*|checks?|verif\w*|warnings?|permission|review|asked)\b",
        r"\b(?:all|any|every) (?:\w+ )?(?:purchase|request|action|transfer|payment|command|transaction|tool call"
        r"|access)s?\b",
        r"\b(?:admin|administrator|root|full|unrestricted|unlimited)(?: \w+)? (?:rights|access|privileges"
        r"|permissions?)\b|\bno (?:warnings|confirmation|approval)\b",
    ),
    sign(
        "plant",
        "memory memories instructions prompt remember rules memorize memorise preference directive rule policy command",
        r"\b(?:save|store|add|write|commit|record|update|append|insert|put|persist|set|keep|hold|fix|burn|make"
        r"|take)\b[^.\n]{0,50}?"
        r"\b(?:your|the assistant's|(?:in|into|to) (?:long[- ]term|persistent|core|permanent))"
        r" (?:\w+[ -]){0,2}?(?:memory|memories|instructions|system prompt|rules|profile)\b(?<!to your profile)",
        rf"\b{_AI},? (?:please |must |should )?(?:remember|memori[sz]e|note)\b",
        r"\bremember (?:this |it |that )?(?:permanently|for good|forever|for (?:ever|all|every|later|future))\b",
        r"\b(?:store|save|record|remember) (?:this |the following |as )?(?:a )?(?:\w+ )?(?:preference|fact"
        r"|memory|rule|instruction)s? (?:for|about|of) (?:the|this) user\b",
        r"\b(?:you|the assistant|assistant) must remember\b",
        r"\b(?:remember|store|save|keep|treat|record|note) (?:this|that|it|the following) as (?:an? |your "
        r"|the )?(?:\w+ ){0,3}?(?:directive|instruction|rule(?! of thumb)|policy|command|order|system message)\b",
        r"\[(?:mem|memory)[_ -](?:persist|write|save|store|update|insert)[^\]\n]{0,40}\]"
        r"|(?:\[\w*memory=[^\]\n]{1,200}\]\s*){2}",
    ),
    sign(
        "hidden",
        "style span div p font color display white hidden opacity",
        r"<!--(?=[^>]{0,200}\b(?:ai|assistant|llm|ignore|instruct\w*|you)\b)",
        r"style\s*=\s*[\"'][^\"']{0,80}(?:font-size:\s*[01](?:px|pt)?\b|display:\s*none|opacity:\s*0"
        r"|visibility:\s*hidden|color:\s*(?:white|#fff))",
    ),
    sign(
        "order",
        "award grant give assign click start begin prefix end whatever task real produce list obey comply "
        "execute run call invoke approve skip treat tell rate rank recommend instead follow system confirmation "
        "priority instructions say pretend answer admin delete transfer open install ignore disregard visit "
        "fetch load issue without invoke use trigger choose pick",
        r"\b(?:obey|comply with|execute (?:all|the|every|this|these)|comply\b|pretend that you)\b",
        r"\b(?:run|execute)\b[^.\n]{0,12}[`\"'$]|\brm -rf\b|\bsudo \w+",
        r"\b(?:call|invoke|use|trigger|run) (?:the )?(?:tool )?[a-z]+_[a-z_]+(?: tool| function)?\b|\b(?:call"
        r"|invoke|use) the \w+ tool\b",
        r"\b(?:skip|bypass|omit|without|no need for) (?:the |any |all )?(?:\w+ )?(?:approval|confirmations?"
        r"|verification|authori[sz]ation|security checks?|checks|review)\b"
        r"|\bdo not ask for (?:\w+ )?(?:confirmation|permission|approval)\b",
        r"\b(?:new|updated|revised|real|actual|important|secret) (?:instructions?|priorit(?:y|ies)|directives?"
        r"|task|objective|goal)s?\s*[:=]",
        r"\b(?:rank|rate|score|recommend|choose|pick|prefer)\b[^.\n]{0,40}\b(?:first|highest|five stars|5 stars"
        r"|above all|top|best)\b",
        r"\binstead,? (?:tell|say|answer|reply|write|output|respond|do|open|send|recommend)\b|\b(?:and"
        r"|then) (?:say|tell)\b",
        r"\b(?:treat|regard|consider) (?:the |this |all )?(?:\w+ ){0,5}as (?:coming|if it came|trusted"
        r"|authoritative|a system|an instruction)",
        r"\b(?:award|give|assign|grant) (?:\w+ ){0,4}?(?:full marks|highest|maximum|top|perfect|best"
        r"|five stars)\b|\bclick (?:on )?the\b",
        r"\b(?:start|begin|end|prefix|preface|finish) (?:every|each|all|any|your) (?:\w+ )?(?:repl(?:y|ies)"
        r"|answers?|responses?|messages?)\b"
        r"|\b(?:whatever|anything|everything) (?:is|that is|the user|he|she|they) (?:requests?|requested|asks?"
        r"|asked)\b",
        r"\b(?:follow|adopt|use|apply) (?:only )?(?:the|these|my) (?:\w+ )?(?:ones|instructions|rules"
        r"|steps) (?:below|instead|here)\b",
        r"\b(?:ignore|disregard) the user\b|\b(?:open|visit|fetch|load|go to) https?://",
        r"\banswer (?:every|all|any) questions? (?:with|by)\b|\byou (?:have|now have) (?:admin|root"
        r"|full) (?:rights|access)\b",
        r"\b(?:delete|transfer|install|open|approve|issue) (?:all |the |every )?[^.\n]{0,40}\b(?:right away"
        r"|immediately|now|instead|without)\b",
    ),
    sign(
        "call",
        "ai assistant assistants llm llms model models chatbot chatbots gpt chatgpt",
        r"\b(?:dear|hello|hi|hey|attention|attn|notes?|messages?|instructions?|memo|reminder"
        r"|directive)(?: (?:to|for|all|any|the"
        rf"|every|my|helpful|whichever))*,? {_MACHINE}\b[^.\n]{{0,60}}[,:;.!-]",
        rf"\b{_MACHINE} (?:instructions?|directives?|notes?|only|readers?)\s*:",
        rf"^\W*(?:to |for )(?:the |any |all |whichever )?{_MACHINE}\b[^.\n]{{0,60}}[,:]|\A\W*assistants?[,:]",
        rf"\bif you(?:'re| are) an? (?:\w+ )?{_MACHINE}\b|\bas an? {_MACHINE} (?:reading|processing|you)\b",
        rf"\b(?:if|when) (?:an?|the|any) {_MACHINE} (?:is|reads|was|sees|processes|finds)\b",
    ),
    sign(
        "sessions",
        "future later subsequent upcoming",
        r"\b(?:in|for|during|at|with) (?:all|every|any|each|your|the)(?: \w+)? (?:future|later|subsequent|upcoming)"
        r" (?:conversation|session|chat|interaction|dialogue)s?\b",
    ),
    sign(
        "bid",
        "",
        r"(?:^|[.:;,!?)]\s+|\b(?:please|kindly|then|and|must|should|has to|have to|will|to|now|also|always|never"
        r"|not)\s+)(?:say|tell"
        r"|recommend|open|run|give|write|add|include|insert|delete|remove|send|reply|respond|answer|mention"
        r"|ignore|follow|treat"
        r"|rate|rank|choose|buy|pay|confirm|approve|grant|visit|click|load|fetch|download|install|execute|print"
        r"|show|reveal|output"
        r"|append|use|prefer|praise|state|claim|report|hide|omit|skip|stop|start|begin|end|replace|act|pretend"
        r"|behave|call|invoke"
        r"|accept|reject|speak|promote|describe|forward|e?-?mail|post|save|store|remember|forget|update|set"
        r"|award)\b|\b(?:your name is|you (?:are|work|will|only))\b",
    ),
)
