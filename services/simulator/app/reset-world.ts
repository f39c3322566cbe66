import { defaultSettings, mergeSettings } from '../domain/settings.ts';
import { newCounters, type World } from './ports.ts';

type Bag = Record<string, unknown>;

export interface ChangeSettings {
  /** RFC 7396; `null` restores a default. Unknown keys have been refused before. */
  (patch: Bag): void;
}

export const createChangeSettings =
  (world: Pick<World, 'settings'>): ChangeSettings =>
  (patch) =>
    mergeSettings(world.settings as unknown as Bag, patch, defaultSettings() as unknown as Bag);

export interface ResetWorld {
  /** Everything as on the first day: settings, memory, what was planned, and the seed's sequences. Ids are not given again. */
  (): void;
}

export const createResetWorld = (world: World, parts: readonly { clear(): void }[]): ResetWorld => {
  return () => {
    world.agenda.clear();
    world.random.reset();
    Object.assign(world.settings, defaultSettings());
    Object.assign(world.counters, newCounters());
    for (const part of parts) part.clear();
  };
};
