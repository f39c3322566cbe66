import type { RentalProvider } from './ports.ts';

/**
 * Stands for a provider that was taken out of the configuration while rentals of it run: nobody knows anything about them, so they wait,
 * end by their time, and go on where they were when it comes back.
 */
export const silentProvider = (name: string): RentalProvider => {
  const unknown = () => Promise.resolve({ kind: 'unknown', detail: `${name} is not configured` } as const);
  return {
    ...{ name, sells: () => false, price: unknown, priceOfMore: unknown, rent: unknown, extend: unknown },
    ...{ messages: unknown, release: unknown, find: unknown, list: unknown },
  };
};
