/**
 * Runs the layer rules of .dependency-cruiser.mjs. A cruise that reads nothing exits 0 in silence (it does so under an
 * unsupported TypeScript), so the number of modules read is part of the verdict.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser';
import extractConfiguration from 'dependency-cruiser/config-utl/extract-depcruise-config';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

export interface LayerViolation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
  readonly comment: string;
}

export interface LayerReport {
  /** Our own TypeScript modules that were really read. */
  readonly modules: number;
  readonly violations: readonly LayerViolation[];
}

const roots = ['services', 'platform', 'proto', 'tools', 'test', 'events.ts', 'topology.ts'];
const configurationFile = join(import.meta.dirname, '../.dependency-cruiser.mjs');

/** The names of all rules, so that the tests can prove that each of them bites. */
export const layerRules = async (): Promise<readonly string[]> => {
  const { forbidden } = await extractConfiguration(configurationFile);
  return (forbidden ?? []).map((rule) => rule.name ?? 'unnamed');
};

/** @param baseDir the root of the tree to judge: the repository, or a planted one in the tests. */
export const checkLayers = async (baseDir: string): Promise<LayerReport> => {
  const { forbidden = [], options = {} } = await extractConfiguration(configurationFile);
  const tsConfigFile = join(baseDir, 'tsconfig.json');
  const { output } = await cruise(
    roots.filter((root) => existsSync(join(baseDir, root))),
    { ...options, ruleSet: { forbidden } as IFlattenedRuleSet, validate: true, baseDir },
    options.enhancedResolveOptions ?? {},
    existsSync(tsConfigFile) ? { tsConfig: extractTSConfig(tsConfigFile) } : {},
  );
  const { modules, summary } = output as ICruiseResult;
  const comments = new Map(forbidden.map((rule) => [rule.name, rule.comment ?? '']));
  return {
    modules: modules.filter(
      ({ source, coreModule, couldNotResolve }) =>
        source.endsWith('.ts') && !source.includes('node_modules') && coreModule !== true && couldNotResolve !== true,
    ).length,
    violations: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to, comment: comments.get(rule.name) ?? '' })),
  };
};
