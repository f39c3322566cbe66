/** RFC 4180, for people who open it in a spreadsheet. */

/** A cell that begins like this is run as a formula by spreadsheets, whoever wrote it. */
const formulaLike = /^[=+\-@\t\r]/;

/** Text of others: quoted where need be, and never a formula. */
export const csvText = (text: string): string => {
  const safe = formulaLike.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** @param cells ready-made: numbers, ids and times as they are, text by `csvText` */
export const csvRow = (cells: readonly string[]): string => `${cells.join(',')}\r\n`;
