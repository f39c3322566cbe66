import { appError } from '#platform/errors/index.ts';
import type { Ports } from './ports.ts';
import { type VerificationView, viewOf } from './view.ts';

/** One verification with its messages. @throws request.not_found, also for another tenant's */
export const getVerification =
  (ports: Pick<Ports, 'store' | 'sealer'>) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<VerificationView> => {
    const verification = await ports.store.find(tenantId, id);
    if (!verification) throw appError('request.not_found');
    return viewOf(ports.sealer, verification, verification.sealedCode ? await ports.store.messages(tenantId, id) : []);
  };
