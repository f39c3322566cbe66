import type { OrphanPush, ProviderMessage, Place } from './ports.ts';
import { receiveMessage, type ReceivePorts } from './receive-message.ts';

type Needs = ReceivePorts;

/** Whose it will be nobody knows yet: the service's key. */
export const orphanContext = ({ provider, activationId }: { provider: string; activationId: string }): Place => ({
  tenantId: undefined,
  context: `orphan:${provider}:${activationId}`,
});

/** Where ids of rentals are counted apart, their pushes wait apart: an activation may have the same id. */
export const rentalOrphansOf = (provider: string): string => `${provider}:rental`;

/** A batch that covers any burst; the scheduler comes back for more. */
const batch = 100;

export const readOrphan = async (ports: Pick<Needs, 'sealer'>, orphan: OrphanPush): Promise<ProviderMessage | undefined> => {
  const opened = await ports.sealer.open(orphan.sealed, orphanContext(orphan));
  if (opened === undefined) return undefined;
  const body = JSON.parse(opened) as Omit<ProviderMessage, 'receivedAt'> & {
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
    const message = await readOrphan(ports, orphan);
    if (message) await receiveMessage(ports)(verification, message);
    await ports.store.dropOrphan(orphan);
  }
  return matched.length;
};
