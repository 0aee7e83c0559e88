/** Finds the telephone numbers of public lines in a text of ours: 110, 119, 120, 96110, and hotlines 12xxx and 95xxx. */

const PUBLIC = /^(?:110|119|120|96110|(?:12|95)(?!000)\d{3})$/u;

// A number with all that could make it another one: an amount, a date, a range, a file number, an address. "110/120" and
// "Tel:110" are such words, too. No lookbehind anywhere: Safari before 16.4 would refuse the whole script.
const WORD = /[\w.,:/+*#@%~¥￥$€£–-]*\d[\w.,:/+*#@%~¥￥$€£–-]*/gu;
const LABEL = /^(?:[a-z]+\.?)?:/iu;
const TRAILING = /[.,:]+$/u;

const COUNTED_BEFORE =
  /(?:第|人民币|[¥￥$€£]|\d |\d *(?:至|到|～|to)|\b(?:rmb|cny|usd|articles?|section|paragraph|page|rule|no\.)) *$/iu;
const COUNTED_AFTER = new RegExp(
  "^ ?(?:" +
    "千(?!万)|万(?!一)|[%％‰元块亿百年月个条次秒家名岁笔份张款项倍折页期股克米度起]|美元|欧元|港元|日(?!常)|天(?!天)|人(?!工)|位(?!于)|号(?!码)|" +
    "小时|分钟|公里|工作日|多(?:个|家|元|人|天)|(?:至|到|～|to) *\\d|" +
    "(?:yuan|rmb|cny|usd|dollars?|euros?|per ?cent|thousand|million|billion|times|banks?|people|items?|characters?|" +
    "(?:working |business |calendar |natural )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?))\\b)|^ \\d",
  "iu",
);

export interface Phone {
  readonly index: number; // where it begins in the text, in UTF-16 units
  readonly number: string;
}

/** The public numbers in `text` that stand there as whole numbers, in order. */
export function phones(text: string): Phone[] {
  return [...text.matchAll(WORD)].flatMap((match) => {
    const start = match.index + (LABEL.exec(match[0])?.[0].length ?? 0);
    const end = match.index + match[0].length - (TRAILING.exec(match[0])?.[0].length ?? 0);
    const numbers = text.slice(start, end).split("/");
    const counted = COUNTED_BEFORE.test(text.slice(0, start)) || COUNTED_AFTER.test(text.slice(end));
    if (counted || !numbers.every((number) => PUBLIC.test(number))) return [];
    return numbers.map((number, n) => ({ index: start + numbers.slice(0, n).join("/").length + (n ? 1 : 0), number }));
  });
}
