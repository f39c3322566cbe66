/** What is counted. A meter is never renamed: events carry its name for ever. */
export const meters = {
  'api.calls': { unit: 'request', title: 'API requests' },
  messages: { unit: 'message', title: 'Campaign messages submitted' },
  verifications: { unit: 'verification', title: 'Verifications with a code' },
} as const;

export type Meter = keyof typeof meters;
export const meterNames = Object.keys(meters) as readonly Meter[];
export const isMeter = (text: string): text is Meter => Object.hasOwn(meters, text);
