import { inspect } from 'node:util';
import { isDevelopmentSecret } from './development.ts';
import type { Variable } from './variables.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type Variables = Readonly<Record<string, Variable<unknown>>>;
export type Values<V extends Variables> = { readonly [K in keyof V]: V[K] extends Variable<infer T> ? T : never };

export interface ConfigProblem {
  readonly key: string;
  readonly reason: string;
}

/** Lists every wrong key at once, so that a deployment is corrected in one round. Holds no value of a secret. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(`The configuration is not valid:\n${problems.map(({ key, reason }) => `  ${key}: ${reason}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export interface ConfigRow {
  readonly key: string;
  readonly kind: string;
  readonly required: boolean;
  readonly secret: boolean;
  readonly default: string | undefined;
  readonly description: string;
}

export interface ConfigSchema<V extends Variables> {
  /** @throws ConfigError that lists every wrong key */
  parse(environment: Environment): Values<V>;
  describe(): readonly ConfigRow[];
}

export type ConfigOf<S> = S extends ConfigSchema<infer V> ? Values<V> : never;

const shown = '[secret]';

/** Inspecting or serialising a configuration as a whole shows no secret; single values are plain strings. */
const hideSecrets = <T extends object>(values: T, variables: Variables): T => {
  const masked = (): object =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, variables[name]?.secret === true && value !== undefined ? shown : value]),
    );
  Object.defineProperty(values, 'toJSON', { value: masked });
  Object.defineProperty(values, inspect.custom, { value: masked });
  return Object.freeze(values);
};

const read = (variable: Variable<unknown>, environment: Environment): { value: unknown } | { reason: string } => {
  const text = environment[variable.key];
  if (text === undefined || text === '') {
    if (variable.default !== undefined || variable.optional) return { value: variable.default };
    return { reason: `is missing (${variable.kind})` };
  }
  const parsed = variable.parse(text);
  if (!parsed.ok) return { reason: variable.secret ? parsed.reason : `${parsed.reason}, got ${JSON.stringify(text.slice(0, 80))}` };
  if (variable.secret && environment['ENVIRONMENT'] === 'production' && isDevelopmentSecret(text)) {
    return { reason: 'is a development value, which is public; production needs its own' };
  }
  return { value: parsed.value };
};

/** @param variables by the name under which the service reads them */
export const defineConfig = <const V extends Variables>(variables: V): ConfigSchema<V> => ({
  parse: (environment) => {
    const problems: ConfigProblem[] = [];
    const values: Record<string, unknown> = {};
    for (const [name, variable] of Object.entries(variables)) {
      const result = read(variable, environment);
      if ('reason' in result) problems.push({ key: variable.key, reason: result.reason });
      else values[name] = result.value;
    }
    if (problems.length > 0) throw new ConfigError(problems);
    return hideSecrets(values, variables) as Values<V>;
  },
  describe: () =>
    Object.values(variables).map((variable) => ({
      key: variable.key,
      kind: variable.kind,
      required: variable.default === undefined && !variable.optional,
      secret: variable.secret,
      default: variable.default === undefined ? undefined : String(variable.default),
      description: variable.description,
    })),
});
