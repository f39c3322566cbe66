import { parseDecimal } from '#platform/money/index.ts';
import type { ProviderMessage } from '../../app/ports.ts';

/** A JSON object, from its text or as it is. */
export const record = (value: unknown): Readonly<Record<string, unknown>> | undefined => {
  if (typeof value === 'string') {
    try {
      return record(JSON.parse(value));
    } catch {
      return undefined;
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
};

/** Clones disagree on whether ids and codes are numbers or texts. */
export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' && Number.isFinite(value) ? String(value) : '';

/** A price of the provider; 0 when it is not readable: it is only ever compared, never charged. */
export const microsOf = (value: unknown): bigint => {
  const text = textOf(value);
  return parseDecimal(text.replace(/^(-?\d+\.\d{6})\d+$/, '$1')) ?? 0n;
};

/** "2026-11-21T03:28:56+00:00", or "2026-11-21 03:28:56", which is taken as UTC. */
export const dateOf = (value: unknown): Date | undefined => {
  const text = textOf(value);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text.replace(' ', 'T')}Z`;
  const date = new Date(zoned);
  return Number.isNaN(date.getTime()) ? undefined : date;
};

/** `sms` of getStatusV2 and of conflicts, `call` of voice activations; undefined when nothing has come. */
export const messageOf = (value: unknown): ProviderMessage | undefined => {
  const fields = record(value);
  if (!fields) return undefined;
  const code = textOf(fields['code']);
  const text = textOf(fields['text']);
  if (code === '' && text === '') return undefined;
  return {
    text: text || code,
    code: code === '' ? undefined : code,
    sender: textOf(fields['from']),
    receivedAt: dateOf(fields['dateTime']),
  };
};
