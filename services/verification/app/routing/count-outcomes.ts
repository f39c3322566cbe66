import type { Observer } from '../ports.ts';
import type { Routes } from './ports.ts';

/** An observer that, besides, lets routing know what became of each number. */
export const countOutcomes = (observer: Observer, routes: Pick<Routes, 'reached'>): Observer => ({
  ...observer,
  reached: (verification) => {
    observer.reached(verification);
    routes.reached(verification);
  },
});
