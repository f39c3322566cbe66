import type { OrphanPush, ProviderMessage } from './ports.ts';
import { receiveMessage, type ReceivePorts } from './receive-message.ts';

type Needs = ReceivePorts;

export const orphanContext = (orphan: { provider: string; activationId: string }): string =>
  `orphan:${orphan.provider}:${orphan.activationId}`;

/** A batch that covers any burst; the scheduler comes back for more. */
const batch = 100;

const readOrphan = (ports: Needs, orphan: OrphanPush): ProviderMessage => {
  const body = JSON.parse(ports.sealer.open(orphan.sealed, orphanContext(orphan))) as Omit<ProviderMessage, 'receivedAt'> & {
    receivedAt?: string;
  };
  return {
    text: body.text,
    code: body.code,
    sender: body.sender,
    ...(body.audioUrl !== undefined && { audioUrl: body.audioUrl }),
    receivedAt: body.receivedAt === undefined ? undefined : new Date(body.receivedAt),
  };
};

/** Pushes that came before we knew their activation find it here. Delivering one twice is harmless: messages are deduplicated. */
export const deliverOrphans = (ports: Needs) => async (): Promise<number> => {
  const matched = await ports.store.matchedOrphans(batch);
  for (const { orphan, verification } of matched) {
    await receiveMessage(ports)(verification, readOrphan(ports, orphan));
    await ports.store.dropOrphan(orphan);
  }
  return matched.length;
};
