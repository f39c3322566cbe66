/** A code as it is said on the phone, digit by digit: in words, or as digits with pauses between them. */
const digitOf: Readonly<Record<string, string>> = {
  ...{ zero: '0', oh: '0', o: '0', nought: '0', one: '1', two: '2', three: '3', four: '4', five: '5' },
  ...{ six: '6', seven: '7', eight: '8', nine: '9' },
};

/** Fewer are said in passing: "one moment", "press 2". */
const shortestRun = 4;
/** No code is longer; said twice in a row without a pause in between, it is one. */
const longestRun = 10;

const said = String.raw`(?:${Object.keys(digitOf).join('|')}|\d)`;
const pause = String.raw`[\s,.;:-]+`;
const runs = new RegExp(String.raw`(?<![\p{L}\d])(?:${said}${pause}){${shortestRun - 1},}${said}(?![\p{L}\d])`, 'giu');
const pauses = new RegExp(pause, 'u');

/** Half of what was said twice. */
const once = (digits: string): string => {
  const half = digits.slice(0, digits.length / 2);
  return digits.length % 2 === 0 && half.length >= shortestRun && half + half === digits ? half : digits;
};

/** The transcription of a call with each code that was said digit by digit written as a number; all else stays as it is. */
export const writeDigits = (transcription: string): string =>
  transcription.replace(runs, (run) => {
    const words = run.split(pauses).map((word) => digitOf[word.toLowerCase()] ?? word);
    const digits = once(words.join(''));
    return digits.length <= longestRun ? digits : run;
  });
