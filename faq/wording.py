"""What our own sentences may not say, and why: prohibited content, cold phrases, more certainty than there is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.model import Language


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern that may not stand in our sentences, and the reason to give to whoever wrote it."""

    name: str
    pattern: re.Pattern[str]
    reason: str


def _rule(name: str, reason: str, *patterns: str) -> Rule:
    return Rule(name, re.compile("|".join(patterns), re.IGNORECASE), reason)


def _prohibited(what: str, *patterns: str) -> Rule:
    return _rule("prohibited", f"prohibited content: {what}", *patterns)


# The nine categories of prohibited content (DOMAIN §4; 电信条例 Art 56), and what a bot must not promise or ask for.
# Only what we write is checked, never what consumers write: they quote threats and frauds.
PROHIBITED: tuple[Rule, ...] = (
    _prohibited(
        "the constitution and the state (1-3)", "颠覆国家|推翻政府|反对宪法", "overthrow the (?:state|government)"
    ),
    _prohibited("secrets and unity of the state (2)", "分裂国家|泄露国家秘密", "leak state secrets"),
    _prohibited("hatred and discrimination (4)", "民族仇恨|劣等民族", "inferior race"),
    _prohibited("cults and superstition (5)", "加入邪教|算命改运", "join (?:the|our) cult"),
    _prohibited("rumours that disturb order (6)", "挤兑|银行要倒|即将倒闭|赶紧取钱", "bank run|about to collapse"),
    _prohibited("obscenity, gambling, violence (7)", "赌博网站|下注|色情|裸聊", r"casino|porn|place (?:a|your) bet"),
    _prohibited("insults (8)", "傻[逼瓜子]|白痴|蠢货|滚蛋", r"\bidiot|\bstupid\b|shut up"),
    _prohibited("promises of gain", "保本保息|稳赚|包赚|内部消息", "guaranteed (?:profit|returns?)|sure profit"),
    _prohibited(
        "investment advice",
        "建议您?(?:买入|卖出|购买|投资)|值得(?:买|投资)",
        "you should (?:buy|sell|invest)",
    ),
    _prohibited(
        "promise of a result",
        "(?:保证|一定能|肯定能)(?:赔|退|追回|解决|拿回)",
        "we (?:guarantee|promise) (?:a|that|you)",
    ),
    _prohibited(
        "asking for passwords or codes",
        "请(?:提供|发送|告诉我们?|输入|回复)您?的?[^，。；！]{0,8}(?:密码|验证码)",
        "(?:send|give|tell) us your (?:password|pin|code)",
    ),
)

_REASON = "tone: a bare “policy requires”; name the rule, say why and what can be done"
_AWAY = "tone: nobody is sent away without a way to go"

# S77: apology, reason and next step instead of a bare "policy requires"; polite 您.
TONE: dict[Language, tuple[Rule, ...]] = {
    "zh": (
        _rule("tone", _REASON, "(?:按照?|根据|依据)(?:相关|有关)?(?:政策|规定)(?:要求)?(?:[，。；]|不|必须)"),
        _rule("tone", _REASON, "(?:政策|规定)(?:就是|如此|不允许|不让)|上级要求"),
        _rule("tone", _AWAY, "无可奉告|与(?:我们|本热线)无关|不归我们管|自己(?:想办法|负责|看着办)"),
        _rule("tone", "tone: write 您", "你(?!好)"),
    ),
    "en": (
        _rule(
            "tone", _REASON, r"\b(?:our |the )?policy (?:requires|does not allow|forbids)", "as per (?:policy|regul)"
        ),
        _rule("tone", _AWAY, "not our (?:responsibility|problem)|nothing we can do|your own (?:fault|problem)"),
    ),
}

_SURE = "certain words for a fact that is not certain"

# For facts that are from memory (M) or unsure (U).
CERTAIN: dict[Language, tuple[Rule, ...]] = {
    "zh": (
        _rule(
            "certainty",
            _SURE,
            "(?<!不)(?:一定|肯定)|必然|绝对|百分之?百|毫无疑问|永远|从来|保证(?!金|人|保险)|全都?是|[就都]是诈骗",
        ),
    ),
    "en": (
        _rule(
            "certainty",
            _SURE,
            r"\b(?:always|never|certainly|definitely|absolutely|undoubtedly|guaranteed|no doubt)\b",
            r"\bguarantees? (?:that|you|your)\b",  # and not the guarantee of a loan
        ),
    ),
}


def offences(text: str, rules: tuple[Rule, ...]) -> list[tuple[Rule, str]]:
    """The rules that `text` breaks, each with the words that break it."""
    return [(rule, found[0]) for rule in rules if (found := rule.pattern.search(text))]
