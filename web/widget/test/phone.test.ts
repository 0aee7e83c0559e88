/** Which digits of our texts are the number of a public line, and which are an amount, a date, a file number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { phones } from "../src/core/phone.ts";
import { segments } from "../src/core/rich.ts";

for (const [text, expected] of [
  ["请马上打110报警，急救打120，火警119。", ["110", "120", "119"]],
  ["心理援助热线：12356；12363金融消费者热线", ["12356", "12363"]],
  ["请打110或96110。", ["110", "96110"]],
  ["Call 110 now, or 12363. Then 95588", ["110", "12363", "95588"]],
  ["110/120", ["110", "120"]],
  ["Tel:12363, (12378)", ["12363", "12378"]],
  ["打110\n3 天内到账", ["110"]],
  ["12363人工服务", ["12363"]],
  ["马上打110千万别转账", ["110"]],
  ["赔110元、12000元、¥12345、￥ 12345、12345.00", []],
  ["12,363 yuan, $120, 110 dollars, 120 days, 12345 people, 12500 RMB", []],
  ["110个工作日、120天、第110条、Article 120, No. 12363", []],
  ["110至120元，110-120，110～120，110 to 120", []],
  ["2026-11-20、2026/110、11.120、12:110", []],
  ["6222 0200 12345 678、13812345678、911012、012363、F12363、12363x", []],
  ["12000、95000、12、1236、123631、911、122", []],
  ["010-12363、+86110、110%、a@12363.cn", []],
  ["见 https://a.cn/110/12363", []],
] as const) {
  test(`the numbers of ${JSON.stringify(text)}`, () => {
    const found = segments(text, true).flatMap((segment) => (segment.kind === "phone" ? [segment.text] : []));
    assert.deepEqual(found, expected);
  });
}

test("a number is told with its place", () => {
  for (const { index, number } of phones("Tel:110/120, 12363。"))
    assert.ok("Tel:110/120, 12363。".startsWith(number, index));
  assert.equal(phones("Tel:110/120, 12363。").length, 3);
});

test("nothing is lost or added around the numbers", () => {
  const text = "打110/120或 https://a.cn/110 或12363。⟦phone⟧ 120天";
  const joined = segments(text, true).map((segment) => (segment.kind === "mask" ? `⟦${segment.what}⟧` : segment.text));
  assert.equal(joined.join(""), text);
});

test("a contact's own numbers are no links: they may be the swindler's", () => {
  assert.deepEqual(segments("打110", false), [{ kind: "text", text: "打110" }]);
});
