/**
 * Documents as PDF/1.7 with embedded fonts (DejaVu: Latin, Cyrillic, Greek, Arabic, Hebrew and more). The bytes depend on the document
 * alone: the same one rendered again, anywhere, is the same file.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { formatDecimal } from '#platform/money/index.ts';
import type { DocumentRenderer } from '../../app/documents/ports.ts';
import type { Document, DocumentKind, Party } from '../../domain/documents/document.ts';
import { periodName } from '../../domain/documents/period.ts';

const fontFile = (name: string): string => fileURLToPath(import.meta.resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`));

const titles: Readonly<Record<DocumentKind, string>> = { invoice: 'Invoice', credit_note: 'Credit note', receipt: 'Receipt' };
const ink = '#1c2430';
const pale = '#69727f';
const rule = '#d5dae1';
const page = { left: 56, right: 539, top: 56, bottom: 770 } as const;
const columns = { description: page.left, quantity: 330, amount: 420 } as const;
const widths = { description: 260, quantity: 70, amount: page.right - columns.amount } as const;

interface Fonts {
  readonly regular: Buffer;
  readonly bold: Buffer;
}
type Sheet = PDFKit.PDFDocument;

const day = (at: Date, timeZone: string): string => new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'long' }).format(at);

const partyLines = ({ name, address, country, taxId }: Party): readonly string[] => [
  name === '' ? 'Name not given' : name,
  ...address,
  ...(country === '' ? [] : [country]),
  ...(taxId === '' ? [] : [`Tax id: ${taxId}`]),
];

const head = (sheet: Sheet, document: Document): void => {
  const { kind, number, issuedAt, period, issuer, customer, refersTo, payment } = document;
  const timeZone = period?.timeZone ?? 'UTC';
  sheet.font('bold').fontSize(22).fillColor(ink).text(titles[kind], page.left, page.top);
  sheet.font('regular').fontSize(9).fillColor(pale);
  const facts = [
    `Number  ${number}`,
    `Issued  ${day(issuedAt, timeZone)}`,
    ...(period === undefined ? [] : [`Period  ${periodName(period.from, period.to, period.timeZone)} (${period.timeZone})`]),
    ...(payment === undefined ? [] : [`Paid by  ${payment.gateway}`, `Payment  ${payment.id}`]),
    ...(refersTo.length === 0 ? [] : [`Refers to  ${refersTo.join(', ')}`]),
  ];
  sheet.text(facts.join('\n'), 300, page.top + 4, { width: page.right - 300, align: 'right', lineGap: 2 });
  const below = Math.max(sheet.y, page.top + 60) + 18;
  const block = (title: string, party: Party, x: number): number => {
    sheet.font('bold').fontSize(8).fillColor(pale).text(title, x, below, { width: 220 });
    const [name = '', ...rest] = partyLines(party);
    sheet
      .font('bold')
      .fontSize(10)
      .fillColor(ink)
      .text(name, x, sheet.y + 2, { width: 220 });
    sheet
      .font('regular')
      .fontSize(9)
      .text(rest.join('\n'), x, sheet.y + 1, { width: 220, lineGap: 1.5 });
    return sheet.y;
  };
  const ends = [block('FROM', issuer, page.left), block('TO', customer, 300)];
  sheet.y = Math.max(...ends) + 26;
};

const line = (sheet: Sheet): void => {
  sheet.moveTo(page.left, sheet.y).lineTo(page.right, sheet.y).lineWidth(0.7).strokeColor(rule).stroke();
  sheet.y += 7;
};

const row = (sheet: Sheet, cells: readonly [string, string, string], font: 'regular' | 'bold', colour: string): void => {
  sheet.font(font).fontSize(9).fillColor(colour);
  const height = sheet.heightOfString(cells[0], { width: widths.description });
  if (sheet.y + height > page.bottom) {
    sheet.addPage();
    sheet.y = page.top;
  }
  const { y } = sheet;
  sheet.text(cells[0], columns.description, y, { width: widths.description });
  sheet.text(cells[1], columns.quantity, y, { width: widths.quantity, align: 'right' });
  sheet.text(cells[2], columns.amount, y, { width: widths.amount, align: 'right' });
  sheet.y = y + height + 7;
};

const body = (sheet: Sheet, { lines, currency }: Document): void => {
  row(sheet, ['Description', 'Quantity', `Amount, ${currency}`], 'bold', pale);
  line(sheet);
  for (const { description, quantity, amountMicros } of lines)
    row(sheet, [description, quantity.toString(), formatDecimal(amountMicros)], 'regular', ink);
  line(sheet);
};

const totals = (sheet: Sheet, { kind, currency, netMicros, taxMicros, totalMicros, dueMicros, taxNote }: Document): void => {
  const total = (label: string, micros: bigint, font: 'regular' | 'bold' = 'regular'): void =>
    row(sheet, [label, '', `${formatDecimal(micros)} ${currency}`], font, ink);
  if (taxNote !== '') {
    total('Net', netMicros);
    total(`Tax (${taxNote})`, taxMicros);
  }
  total('Total', totalMicros, 'bold');
  if (kind !== 'invoice') return;
  total('Paid from prepaid credit', totalMicros - dueMicros);
  total('Due', dueMicros, 'bold');
};

const foot = (sheet: Sheet, { kind, number, contentHash }: Document): void => {
  const note =
    kind === 'invoice'
      ? 'Amounts are exact: what was taken from the prepaid credit in this period.'
      : kind === 'credit_note'
        ? 'Amounts went back to the prepaid credit.'
        : 'Prepaid credit is no sale yet; what it is spent on is invoiced monthly.';
  const { start, count } = sheet.bufferedPageRange();
  for (let index = start; index < start + count; index++) {
    sheet.switchToPage(index);
    sheet.font('regular').fontSize(7).fillColor(pale);
    sheet.text(`${note}\n${number} · SHA-256 ${contentHash} · page ${index + 1} of ${count}`, page.left, 790, {
      width: page.right - page.left,
      lineGap: 2,
      height: 30,
    });
  }
};

const render = async (document: Document, fonts: Fonts): Promise<Uint8Array> => {
  // Loaded with the first document: a tenth of billing's start.
  const { default: PDFDocument } = await import('pdfkit');
  return new Promise((resolve, reject) => {
    const sheet = new PDFDocument({
      size: 'A4',
      pdfVersion: '1.7',
      bufferPages: true,
      // The footer stands below the text area; the room for it is kept free by `row`.
      margins: { top: page.top, left: page.left, right: 56, bottom: 20 },
      lang: 'en',
      displayTitle: true,
      info: {
        Title: `${titles[document.kind]} ${document.number}`,
        Author: document.issuer.name,
        Producer: 'Namaskah',
        Creator: 'Namaskah',
        // Everything that pdfkit would take from the clock or from chance is taken from the document.
        CreationDate: document.issuedAt,
        ModDate: document.issuedAt,
      },
    });
    const chunks: Buffer[] = [];
    sheet.on('data', (chunk: Buffer) => chunks.push(chunk));
    sheet.on('end', () => resolve(Buffer.concat(chunks)));
    sheet.on('error', reject);
    sheet.registerFont('regular', fonts.regular).registerFont('bold', fonts.bold);
    head(sheet, document);
    body(sheet, document);
    totals(sheet, document);
    foot(sheet, document);
    sheet.end();
  });
};

/** Reads the fonts once. @throws when they are not installed */
export const openRenderer = async (): Promise<DocumentRenderer> => {
  const [regular, bold] = await Promise.all(['DejaVuSans', 'DejaVuSans-Bold'].map((name) => readFile(fontFile(name))));
  if (regular === undefined || bold === undefined) throw new Error('no fonts');
  return { pdf: (document) => render(document, { regular, bold }) };
};
