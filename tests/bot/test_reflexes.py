"""The reflex table: what must be caught without the brain, and what only looks like it."""

from __future__ import annotations

import timeit

import pytest

from bot.reflexes import Reflexes, load
from core.effects import Alert, HandOff, OptOut, SendIdLink
from core.errors import ContentError
from core.model import Say

EMERGENCY = """
我想自杀
我真的不想活了
银行逼得我活不下去了
保险公司不赔，我要自杀
笑死我了，不过我真的想死
我 要 自 杀
我要自殺
他们正在打我
有人打我
老公打我
他拿着刀堵在门口
我被绑架了
救命
救命啊
我现在站在楼顶
我要跳楼
我刚喝了农药
写好遗书了
催收的人要砍我
我要炸了你们银行
弄死你们
我遭遇家暴
I want to kill myself
I'm suicidal
i want to die
I don't want to live anymore
I don’t want to live anymore
there is a man here and he has a knife
I am being attacked
someone is trying to kill me
I WILL KILL YOU
they are holding me, I'm being held hostage
""".strip().splitlines()

OPT_OUT = ["退订", "退订。", "我要退订", "TD", "td", "ＴＤ", "STOP", "stop!", " unsubscribe ", "退訂", "请退订"]

PERSON = """
0
０
0。
0️⃣
按0
人工
转人工
轉人工
转人工！！！
请转人工
我要人工
我要人工服务
人工客服
找客服
你好，人工
真人
我要找真人说话
接人工
转接人工客服
帮我转人工
有没有人工
有人工吗
agent
Agent please
human
Talk to a human
I want to speak to an agent
can I talk to a real person please
connect me to an operator
customer service
""".strip().splitlines()

COMPLAINT = [
    "投诉",
    "我要投诉",
    "我想投诉！",
    "投訴",
    "我要投诉银行",
    "complaint",
    "I want to complain",
    "file a complaint",
]

NOTHING = """
笑死我了
累死了
想死你了
我想死你们了
跳楼价是真的吗
跳楼大甩卖的理财能买吗
这是我的救命钱
最后一根救命稻草
保险条款里自杀赔不赔
投保两年内自杀保险公司赔吗
自杀条款是什么
自杀小队哪年上映
听说有个信贷员跳楼了
新闻里说有储户自杀
热到我想死
好想死党
救命，这猫也太会撒娇了
家暴险怎么办理
有人打我电话催收
他们一直在打我电话
他们在打我手机
老公打我电话说卡被冻结了
杀猪盘是什么
这个利息太坑了，要命
杀毒软件
心态炸了
银行卡被锁了
账户被冻结了
does life insurance cover suicide
what is the suicide clause
is the movie Suicide Squad on in cinemas
is death by suicide covered after two years
I hurt myself at work, who pays
the fees are killing me
I'm dying to know
deadline for repayment
怎么退订短信？
退订会影响我的账户吗
stop payment on a cheque
how do I stop a direct debit
td bank
N
T
人工智能
人工费
人工智能理财靠谱吗
不要人工
我不想找人工
人工什么时候在？能用英文吗？
你是人工吗
客服态度太差了
客服电话是多少
真人秀
travel agent
real estate agent fees
agent fee
human resources
is the insurance agent licensed
the agent sold me a wrong policy
0元
0利率是真的吗
00
10
1
0.5
我的投诉多久有结果
怎么投诉
投诉多久回复
我要投诉工商银行乱收费
撤回投诉
how long does a complaint take
my complaint number is 12
怎么查自己的信用报告？
How much of my deposit is insured?
/restart
你好
""".strip().splitlines()

PRIVATE = """
⟦id-card⟧
⟦bank-card⟧。
我的身份证号是⟦id-card⟧
卡号：⟦bank-card⟧
""".strip().splitlines()

DISTRESS = ["我好难过", "我撐不住了", "我好難過。", "I'm so sad"]

LINK = """
重新发链接
请重新发一下链接，谢谢
刚才的链接过期了
链接打不开了
把身份证的链接再发一次
請重新發鏈接
連結失效了
new link
Please send me a new link.
The link has expired
can you send the link again?
""".strip().splitlines()

NO_LINK = """
银行发的链接打不开
短信里的链接能点吗
链接
点了诈骗链接怎么办
link
I clicked a link in a text message
is this link real
""".strip().splitlines()

CASES = [
    *(("private_number", text) for text in PRIVATE),
    *(("distress", text) for text in DISTRESS),
    *(
        (None, text)
        for text in ["⟦id-card⟧的卡被冻结了", "建行扣了我的钱，我的卡号是⟦bank-card⟧", "⟦phone:abcdefghij⟧"]
    ),
    *(("emergency", text) for text in EMERGENCY),
    *(("opt_out", text) for text in OPT_OUT),
    *(("person", text) for text in PERSON),
    *(("complaint", text) for text in COMPLAINT),
    *(("id_link", text) for text in LINK),
    *((None, text) for text in [*NOTHING, *NO_LINK, "", "   ", "。。。", "\u202e", "\x00", "😀", "人" * 5000]),
]


@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_message_meets_its_reflex_and_what_only_looks_like_it_meets_none(name: str | None, text: str) -> None:
    found = load().match(text)
    assert (found.name if found else None) == name


def test_an_emergency_anywhere_wins_over_every_other_wish() -> None:
    assert load().match("转人工，我不想活了").name == "emergency"  # type: ignore[union-attr]


def test_each_reflex_says_something_and_asks_for_what_it_promises() -> None:
    table = {reflex.name: reflex for reflex in load().all}
    assert list(table) == ["emergency", "distress", "private_number", "opt_out", "person", "complaint", "id_link"]
    assert table["emergency"].effects == (Alert(reason="emergency"), HandOff(reason="emergency"))
    assert table["person"].effects == (HandOff(reason="asked"),)
    assert table["complaint"].effects == (HandOff(reason="complaint"),)
    assert table["opt_out"].effects == (OptOut(),)
    assert table["id_link"].effects == (SendIdLink(),)
    assert (table["person"].brain, table["complaint"].brain) == ("/leave_message", "/complaint")
    assert [reflex.name for reflex in load().all if reflex.alone] == ["complaint"]
    assert table["person"].say == (Say(key="person.how"),)


@pytest.mark.parametrize(
    "row",
    [
        {"name": "x"},
        {"say": ["x"]},
        {"name": "x", "say": ["x"], "wohle": ["y"]},
        {"name": "x", "say": ["x"], "effects": [{"name": "nonsense"}]},
        {"name": "x", "say": ["x"], "anywhere": ["("]},
    ],
)
def test_a_broken_table_is_refused_at_start(row: dict[str, object]) -> None:
    with pytest.raises(ContentError, match=r"reflexes\.yml"):
        Reflexes([row])


def test_a_check_costs_microseconds() -> None:
    table = load()
    for text in [
        "怎么查自己的信用报告？",
        "我的银行卡被锁了，客服一直不接电话，怎么办？",
        "How much of my deposit is insured?",
    ]:
        best = min(timeit.repeat(lambda text=text: table.match(text), number=500, repeat=7)) / 500  # type: ignore[misc]
        assert best < 200e-6, (text, best)  # 10 to 15 alone


def test_a_long_message_cannot_hold_up_the_house() -> None:
    table = load()
    for text in ["我要" * 2000, "转接" * 20, "please " * 5, "自杀式" * 1000 + "保险", "i am being " * 400]:
        assert min(timeit.repeat(lambda text=text: table.match(text), number=1, repeat=3)) < 0.1, text[:20]  # type: ignore[misc]
