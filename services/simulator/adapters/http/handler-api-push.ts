import type { Push } from '../../app/deliver-code.ts';

/** `{activationId, service, text, code, country, receivedAt}`, unsigned: the address is the secret. */
export const handlerApiPush =
  (url: string): Push =>
  (activation, received) => ({
    kind: 'push',
    url,
    body: JSON.stringify({
      activationId: activation.id,
      service: activation.service,
      text: received.text,
      code: received.code,
      country: activation.countryId,
      receivedAt: new Date(received.receivedAtMs).toISOString(),
    }),
  });
