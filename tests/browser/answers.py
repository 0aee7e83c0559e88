"""What the front desk of the tests knows: a few answers as the house gives them, in both languages."""

from tests.browser.frontdesk import Answer

CREDIT_REPORT = "怎么查自己的信用报告？"
DEPOSIT = "How much of my deposit is insured?"
CHOOSE = "我的报告"

REPORT = Answer(
    text="每人每年可以免费查两次本人的信用报告，常用的办法有四种：\n"
    "1. 中国人民银行征信中心网站 https://www.pbccrc.org.cn ；\n2. 手机银行和“云闪付”里的“信用报告”；\n"
    "3. 商业银行网点的自助查询机；\n4. 征信中心的柜台，请带上身份证原件。",
    source="依据：《征信业管理条例》第十七条；征信中心网站；资料整理日期：2026-11-18 · 待核实",
    entry="F22",
)

ANSWERS = {
    "zh:followed": Answer(
        text="您好，欢迎来到12363金融消费者热线。我是自动助手，全天都在，可以用中文或英文回答金融方面的问题；"
        "想找人工，请回复“0”。",
        buttons=[
            {"title": "怎么查自己的信用报告？", "payload": '/faq{"id":"F22"}'},
            {"title": "存款保险最多赔多少？", "payload": '/faq{"id":"F77"}'},
            {"title": "怎么投诉银行或支付机构？", "payload": '/faq{"id":"F01"}'},
            {"title": "English", "payload": '/set_language{"language":"en"}'},
        ],
    ),
    "en:followed": Answer(
        text="Hello and welcome to the 12363 Financial Consumer Hotline. I am an automatic assistant, here day "
        'and night. Ask about financial matters in English or Chinese; to reach a person, reply "0".',
        buttons=[
            {"title": "How do I get my own credit report?", "payload": '/faq{"id":"F22"}'},
            {"title": "How much of my deposit is insured?", "payload": '/faq{"id":"F77"}'},
            {"title": "How do I complain about a bank?", "payload": '/faq{"id":"F01"}'},
            {"title": "中文", "payload": '/set_language{"language":"zh"}'},
        ],
    ),
    CREDIT_REPORT: REPORT,
    DEPOSIT: Answer(
        text="Up to 500,000 yuan for each depositor at each insured bank, principal and interest together. "
        "Anything above that is paid from the liquidation of the bank.",
        source="Source: Deposit Insurance Regulation, Article 5; compiled on 2026-11-18 · unreviewed",
        entry="F77",
    ),
    CHOOSE: Answer(
        text="您想问的是哪一个？",
        buttons=[
            {"title": "怎么查自己的信用报告", "payload": '/faq{"id":"F22"}'},
            {"title": "信用报告有错怎么办", "payload": '/faq{"id":"F24"}'},
            {"title": "征信投诉找谁", "payload": '/faq{"id":"F29"}'},
        ],
    ),
    '/faq{"id":"F22"}': REPORT,
    '/faq{"id":"F24"}': Answer(
        text="可以向征信中心或者报送信息的银行提出异议，二十日内会书面答复您。",
        source="依据：《征信业管理条例》第二十五条；核对日期：2026-11-18",
        entry="F24",
    ),
    "/leave_message": Answer(text="好的，请写下您想说的话。"),
}
