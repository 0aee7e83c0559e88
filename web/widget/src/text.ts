/** Every word that the widget and its page say themselves, in both languages. Answers come from the house. */
import { hant, pageHant } from "./hant.ts";
import type { Language } from "./core/protocol.ts";

/** The number to name before the house has told its own: the one that holds all over the country. */
export const HOTLINE = "12363";

type Words = typeof zh;

const zh = {
  title: "在线咨询",
  launcher: "在线咨询",
  launcherUnread: (n: number): string => `在线咨询，${n} 条新消息`,
  close: "收起",
  switchTo: "English",
  switchToLabel: "Switch to English",
  forget: "清除",
  forgetLabel: "清除本机上的对话记录",
  forgetAsk: "清除这台设备上的对话？已发送的内容仍由热线保存。",
  forgetYes: "清除",
  forgetNo: "保留",

  automatic: "自动回答",
  linkIdle: "尚未连接",
  linkConnecting: "正在连接…",
  linkAgain: "正在重新连接…",
  linkOnline: "已连接",
  linkWaiting: "连接已断开",
  linkRefused: "无法连接",
  linkAbsent: "暂不可用",
  outage: "连接已断开，正在重试。您写的消息会在恢复后发送。",
  busy: {
    messages: "消息发得太密，请稍候片刻，会自动恢复。",
    visitors: "您所在的网络现在咨询的人较多，请稍候片刻，会自动接通。",
  },
  refused: (number: string): string => `现在无法连接在线咨询，请稍后再试或拨打热线 ${number}。`,
  absent: (number: string): string => `这里暂时不能在线咨询，请直接拨打热线 ${number}。`,
  misplaced: (number: string): string => `这个网页上的在线咨询没有设置好，请直接拨打热线 ${number}。`,
  retryNow: "立即重试",
  dismiss: "知道了",

  log: "对话记录",
  you: "您",
  bot: "自动回答",
  agent: "工作人员",
  system: "系统提示",
  choices: "可以直接选择",
  rate: "有帮助吗？",
  rated: "谢谢您的评价",
  rateLabel: "这条回答有帮助吗？",
  helpful: "有帮助",
  unhelpful: "没有帮助",
  newTab: "（在新窗口打开）",
  typing: "正在输入",
  newest: "有新消息",
  pending: "发送中",
  waiting: "待发送",
  kept: "已送达",
  failed: "未发送：",
  resend: "重新发送",
  discard: "删除",
  startersTitle: "大家常问",
  starters: [
    "怎么查自己的信用报告？",
    "存款保险最多赔多少？",
    "怎么投诉银行或支付机构？",
    "信用报告有错怎么办？",
  ] as readonly string[],

  inputLabel: "输入您的问题",
  placeholder: "输入您的问题",
  placeholderKeys: "输入您的问题，按 Enter 发送",
  send: "发送",
  keys: "Enter 发送，Shift + Enter 换行",
  attach: "添加图片或文件",
  attached: "待发送的文件",
  remove: "移除",
  uploading: "上传中…",
  left: (n: number): string => `还可以输入 ${n} 个字`,
  over: (n: number): string => `超出 ${n} 个字，请缩短或分几条发送`,
  note: "由系统自动回答，仅供参考。身份证号和银行卡号在保存前就删除；不要发送密码和验证码。",
  danger: "遇到危险拨打 110，急救拨打 120。",

  masks: {
    "id-card": "身份证号已删除",
    "bank-card": "银行卡号已删除",
    phone: "电话号码已隐去",
    email: "邮箱已隐去",
  } as Readonly<Record<string, string>>,
  mask: "个人信息已隐去",

  errors: {
    bad_frame: "这条消息无法识别。",
    bad_payload: "这个选项已经失效，请直接输入您的问题。",
    empty: "消息是空的。",
    internal: "系统出了点问题，请稍后再试。",
    ledger_busy: "系统繁忙，请稍后再试。",
    too_long: "消息太长了，请缩短或分几条发送。",
    too_many: "消息发得太密，请稍候再试。",
    unreadable: "里面有无法识别的字符，请用普通文字再发一次。",
    unsupported: "这里暂时不能接收这类消息。",
    bad_case: "这个文件是空的，请换一个。",
    infected: "这个文件没有通过安全检查，请换成图片或 PDF。",
    network: "没有传上去，请检查网络后再点一次发送。",
    not_found: "没有传上去，请再点一次发送。",
    not_taken: "认不出这是哪种文件。图片、录音、视频、PDF、Word、Excel 都可以。",
    scan_failed: "现在没能检查这个文件，请稍后再试。",
    too_large: "这个文件太大了，请压缩后再发，或者只截取要紧的部分。",
    too_many_files: "今天收到的文件已经很多了，请挑最要紧的，明天再发。",
    uploads_busy: "这会儿传文件的人比较多，请过一会儿再点一次发送。",
  } as Readonly<Record<string, string>>,
  error: "这条消息没有被接收，请稍后再试。",
};

const en: Words = {
  title: "Ask us online",
  launcher: "Ask a question",
  launcherUnread: (n) => `Ask a question, ${n} new ${n === 1 ? "message" : "messages"}`,
  close: "Close",
  switchTo: "中文",
  switchToLabel: "切换为中文",
  forget: "Clear",
  forgetLabel: "Clear this conversation from this device",
  forgetAsk: "Clear the conversation from this device? The hotline keeps what you have sent.",
  forgetYes: "Clear",
  forgetNo: "Keep",

  automatic: "automatic",
  linkIdle: "Not connected yet",
  linkConnecting: "Connecting…",
  linkAgain: "Reconnecting…",
  linkOnline: "Connected",
  linkWaiting: "Connection lost",
  linkRefused: "Cannot connect",
  linkAbsent: "Not available",
  outage: "The connection is lost and we are trying again. What you write is sent once it is back.",
  busy: {
    messages: "That was a lot of messages. Please wait a moment; the chat comes back by itself.",
    visitors: "Many people on your network are asking us just now. Please wait a moment; the chat connects by itself.",
  },
  refused: (number) => `The online chat cannot be reached now. Please try again later or call the hotline, ${number}.`,
  absent: (number) => `The online chat is not available here at present. Please call the hotline, ${number}.`,
  misplaced: (number) => `The online chat is not set up correctly on this page. Please call the hotline, ${number}.`,
  retryNow: "Try now",
  dismiss: "OK",

  log: "Conversation",
  you: "You",
  bot: "Automatic answer",
  agent: "Staff",
  system: "Notice",
  choices: "You can choose",
  rate: "Helpful?",
  rated: "Thank you",
  rateLabel: "Was this answer helpful?",
  helpful: "Helpful",
  unhelpful: "Not helpful",
  newTab: " (opens in a new window)",
  typing: "Typing",
  newest: "New messages",
  pending: "Sending",
  waiting: "Waiting to be sent",
  kept: "Delivered",
  failed: "Not sent: ",
  resend: "Send again",
  discard: "Delete",
  startersTitle: "Often asked",
  starters: [
    "How do I get my own credit report?",
    "How much of my deposit is insured?",
    "How do I complain about a bank or payment company?",
    "What if my credit report is wrong?",
  ],

  inputLabel: "Type your question",
  placeholder: "Type your question",
  placeholderKeys: "Type your question, Enter sends it",
  send: "Send",
  keys: "Enter sends, Shift + Enter starts a new line",
  attach: "Add a picture or file",
  attached: "Files to be sent",
  remove: "Remove",
  uploading: "Uploading…",
  left: (n) => `${n} ${n === 1 ? "character" : "characters"} left`,
  over: (n) => `${n} ${n === 1 ? "character" : "characters"} too many: shorten it or send it in parts`,
  note: "Automatic answers, for guidance only. ID and bank card numbers are deleted before storing; never send passwords or codes.",
  danger: "In danger call 110, for an ambulance 120.",

  masks: {
    "id-card": "ID number removed",
    "bank-card": "card number removed",
    phone: "phone number hidden",
    email: "e-mail hidden",
  },
  mask: "personal data hidden",

  errors: {
    bad_frame: "this message could not be understood.",
    bad_payload: "this choice is no longer open. Please type your question.",
    empty: "the message is empty.",
    internal: "something went wrong on our side. Try again later.",
    ledger_busy: "we are busy just now. Try again later.",
    too_long: "it is too long. Shorten it or send it in parts.",
    too_many: "too many messages at once. Try again in a moment.",
    unreadable: "it contains characters that cannot be read. Send it again as plain text.",
    unsupported: "this kind of message cannot be received here yet.",
    bad_case: "this file is empty, please choose another one.",
    infected: "this file did not pass our safety check, please send a picture or a PDF.",
    network: "it did not get through, please check your connection and send it again.",
    not_found: "it did not get through, please send it again.",
    not_taken: "we cannot tell what kind of file this is. Pictures, recordings, videos, PDF, Word and Excel are fine.",
    scan_failed: "this file could not be checked just now, please try again later.",
    too_large: "this file is too large, please make it smaller or send only the part that matters.",
    too_many_files: "we have had many files from you today, please send the most important ones tomorrow.",
    uploads_busy: "many people are sending files just now, please send it again in a moment.",
  },
  error: "it was not accepted. Try again later.",
};

export type { Words };

export const words: Readonly<Record<Language, Words>> = { zh, "zh-Hant": hant, en };

/** What stands out in a source line; of both languages, since an answer keeps its own when the reader switches. */
export const reviewMarks: readonly string[] = ["待核实", "待核實", "unreviewed", "not yet reviewed"];

export interface PageWords {
  readonly document: string;
  readonly hotline: string;
  readonly lead: string;
  readonly promises: readonly (readonly [string, string])[];
  readonly person: string;
  readonly call: (number: string, hours: string) => string;
  readonly emergency: string;
  readonly police: string;
  readonly ambulance: string;
}

/** What the page around the widget says; apart, so that sites embedding the widget do not load it. */
export const pageWords: Readonly<Record<Language, PageWords>> = {
  zh: {
    document: "在线咨询",
    hotline: "金融消费者热线",
    lead: "银行、支付、征信、保险、存款，遇到问题先在这里问。每条回答都写明依据和日期。",
    promises: [
      ["自动回答", "回答由系统依据法规和常见问题给出，尚未经专家核对的会标明“待核实”。"],
      ["您的信息", "身份证号和银行卡号在保存之前就会删除。我们从不索要密码和验证码。"],
    ],
    person: "人工服务",
    call: (number: string, hours: string): string =>
      `在这里随时可以留言${number && `，也可以拨打 ${number}`}${number && hours && `（${hours}）`}。`,
    emergency: "紧急情况请直接拨打",
    police: "报警",
    ambulance: "急救",
  },
  en: {
    document: "Ask online",
    hotline: "Financial Consumer Hotline",
    lead: "Banking, payments, credit records, insurance, deposits: ask here first. Every answer names its source and its date.",
    promises: [
      [
        "Automatic",
        "Answers come from published rules and common questions. What no expert has checked yet is marked unreviewed.",
      ],
      [
        "Your data",
        "ID and bank card numbers are deleted before anything is stored. We never ask for passwords or codes.",
      ],
    ],
    person: "Talk to a person",
    call: (number: string, hours: string): string =>
      `Leave a message here at any time${number && `, or call ${number}`}${number && hours && ` (${hours})`}.`,
    emergency: "In an emergency call",
    police: "police",
    ambulance: "ambulance",
  },
  "zh-Hant": pageHant,
};
