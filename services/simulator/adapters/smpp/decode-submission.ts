import type { PDU } from 'smpp';
import type { Submission } from '../../app/accept-submission.ts';
import type { Part } from '../../domain/concatenation.ts';

/** Information elements: 0x00 = 8-bit reference, 0x08 = 16-bit reference. */
const partOfHeader = (elements: readonly Buffer[]): Part | undefined => {
  for (const element of elements) {
    const [kind, length, a = 0, b = 0, c = 0, d = 0] = element;
    if (kind === 0x00 && length === 3) return { reference: a, total: b, number: c };
    if (kind === 0x08 && length === 4) return { reference: a * 256 + b, total: c, number: d };
  }
  return undefined;
};

const partOf = (pdu: PDU): Part | undefined => {
  const fromHeader = partOfHeader(pdu.short_message?.udh ?? pdu.message_payload?.udh ?? []);
  if (fromHeader !== undefined) return fromHeader;
  const { sar_msg_ref_num: reference, sar_total_segments: total, sar_segment_seqnum: number } = pdu;
  return reference !== undefined && total !== undefined && number !== undefined ? { reference, total, number } : undefined;
};

const encodingNames: Readonly<Record<number, string>> = { 0: 'gsm7', 1: 'gsm7', 3: 'latin1', 8: 'ucs2' };

const textOf = (content: string | Buffer | undefined): string =>
  content === undefined ? '' : typeof content === 'string' ? content : content.toString('hex');

/** A submit_sm as the application reads it. Binary content is kept as hex. */
export const decodeSubmission = (pdu: PDU, link: string): Submission => {
  const short = pdu.short_message?.message;
  const content = short !== undefined && short.length > 0 ? short : pdu.message_payload?.message;
  const part = partOf(pdu);
  const validPart = part !== undefined && part.total > 1 && part.number >= 1 && part.number <= part.total ? part : undefined;
  return {
    link,
    from: pdu.source_addr ?? '',
    to: (pdu.destination_addr ?? '').replace(/^\+/, ''),
    text: textOf(content),
    encoding: encodingNames[(pdu.data_coding ?? 0) & 0x0f] ?? 'binary',
    part: validPart,
    registeredDelivery: pdu.registered_delivery ?? 0,
  };
};
