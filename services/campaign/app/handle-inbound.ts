import { addMs, type Clock } from '#platform/time/index.ts';
import { intentOf, replies, type Intent, type ReplyKind } from '../domain/keywords.ts';
import type { InboundMessage, NormalisePhone, Transactions, Unit } from './ports.ts';
import { recordProgress } from './progress.ts';

export interface HandleInboundDeps {
  readonly transactions: Transactions;
  readonly normalisePhone: NormalisePhone;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly wake: () => void;
}

interface Scope {
  /** undefined: the whole platform, for a number nobody wrote to from this sender. */
  readonly tenantId: string | undefined;
  readonly campaignId: string | undefined;
}

interface Inbound extends InboundMessage {
  readonly id: string;
  readonly intent: Intent;
  readonly at: Date;
}

const note = (
  unit: Unit,
  type: 'inbound' | 'opted_out' | 'opted_in',
  who: readonly { id: string; tenantId: string }[],
  message: Inbound,
  campaignId?: string,
): Promise<void> =>
  unit.contacts.record(
    who.map(({ id, tenantId }) => ({ contactId: id, tenantId, type, at: message.at, campaignId, detail: message.text.slice(0, 200) })),
  );

/** Do-not-contact first, then the queue; the claim asks again, so whatever is planned in between stops there. */
const optOut = async (unit: Unit, message: Inbound, { tenantId, campaignId }: Scope, newId: () => string): Promise<void> => {
  const { from: phone, to: sender, id: inboundId, at } = message;
  const added = await unit.optOuts.add({ id: newId(), tenantId, phone, sender, inboundId, at });
  const stopped = await unit.jobs.suppress(phone, tenantId, at);
  await recordProgress(unit, stopped, at);
  if (!added) return;
  const contacts = await unit.contacts.byPhone(phone, tenantId);
  await note(unit, 'opted_out', contacts, message, campaignId);
  for (const contact of contacts) {
    const jobsStopped = stopped.filter((job) => job.tenantId === contact.tenantId).reduce((sum, { messages }) => sum + messages, 0);
    await unit.events.contactOptedOut({ tenantId: contact.tenantId, at, contactId: contact.id, jobsStopped });
  }
};

/** @returns false when there was nothing to undo */
const optIn = async (unit: Unit, message: Inbound): Promise<boolean> => {
  const removed = await unit.optOuts.remove(message.from, message.to);
  for (const tenantId of removed) {
    const contacts = await unit.contacts.byPhone(message.from, tenantId);
    await note(unit, 'opted_in', contacts, message);
    for (const contact of contacts) await unit.events.contactOptedIn({ tenantId: contact.tenantId, at: message.at, contactId: contact.id });
  }
  return removed.length > 0;
};

const answer = (unit: Unit, kind: ReplyKind, message: Inbound, tenantId: string | undefined, newId: () => string): Promise<boolean> =>
  unit.jobs.planReply({
    id: newId(),
    tenantId,
    kind,
    text: replies[kind].text,
    sender: message.to,
    phone: message.from,
    notSince: addMs(message.at, -replies[kind].everyMs),
    at: message.at,
  });

/**
 * Somebody wrote to one of our senders. STOP is honoured from anybody: for every tenant that wrote to this number from
 * this sender, or, from a number nobody wrote to, for the whole platform. Repetitions change nothing.
 */
export const handleInbound =
  ({ transactions, normalisePhone, newId, clock, wake }: HandleInboundDeps) =>
  async (received: InboundMessage): Promise<void> => {
    const from = normalisePhone(received.from.startsWith('+') ? received.from : `+${received.from}`) ?? received.from;
    const message: Inbound = { ...received, from, id: newId(), intent: intentOf(received.text), at: clock.now() };
    const replied = await transactions.run(async (unit) => {
      await unit.optOuts.lockPhone(from);
      const scopes: readonly Scope[] = await unit.optOuts.tenantsMessaging(from, message.to);
      const tenantIds = scopes.flatMap(({ tenantId }) => tenantId ?? []);
      await unit.optOuts.logInbound({ ...message, tenantIds });
      const replyTenant = tenantIds.length === 1 ? tenantIds[0] : undefined;
      if (message.intent === 'stop') {
        const targets = scopes.length > 0 ? scopes : [{ tenantId: undefined, campaignId: undefined }];
        for (const scope of targets) await optOut(unit, message, scope, newId);
        return answer(unit, 'stop', message, replyTenant, newId);
      }
      if (message.intent === 'start' && (await optIn(unit, message))) return answer(unit, 'start', message, replyTenant, newId);
      for (const { tenantId, campaignId } of scopes) {
        if (tenantId !== undefined) await note(unit, 'inbound', await unit.contacts.byPhone(from, tenantId), message, campaignId);
      }
      return message.intent === 'help' && answer(unit, 'help', message, replyTenant, newId);
    });
    if (replied) wake();
  };
