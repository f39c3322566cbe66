import { loadCatalogue } from '../../adapters/catalogue/load.ts';
import { loadPolicy, loadScreen } from '../../adapters/policy/load.ts';
import { scaledRules } from '../../domain/policy/rules.ts';

const data = new URL('../../data/', import.meta.url);
/** Those that customers meet. */
export const testRules = loadPolicy(new URL('policy/', data), loadCatalogue(data));
/** For tests of everything but limits. */
export const laxRules = scaledRules(testRules, 1_000_000);
export const testScreen = loadScreen(new URL('policy/', data));
