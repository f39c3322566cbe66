/**
 * The kinds of variables. A variable turns the text of one environment key into a typed value, or says in one sentence
 * why it cannot. An empty text counts as absent, because that is what compose and k8s make of an unset value.
 */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export interface Variable<T> {
  readonly key: string;
  /** For people: "integer 0…10", "one of a, b". */
  readonly kind: string;
  readonly description: string;
  /** Never printed, neither in errors nor when the configuration is inspected; checked against known development values. */
  readonly secret: boolean;
  /** May be absent without a default; then the value is undefined. */
  readonly optional: boolean;
  readonly default: T | undefined;
  parse(text: string): Parsed<T>;
}

interface Common {
  readonly description?: string;
  readonly secret?: boolean;
}
/** Absent and no default: refused. With `optional: true`: undefined. */
export interface Required<T> extends Common {
  readonly default?: T;
  readonly optional?: false;
}
export interface Optional extends Common {
  readonly optional: true;
  readonly default?: undefined;
}

const ok = <T>(value: T): Parsed<T> => ({ ok: true, value });
const no = (reason: string): Parsed<never> => ({ ok: false, reason });

interface Kind<T> {
  readonly kind: string;
  readonly parse: (text: string) => Parsed<T>;
}

/** Every declared default passes the same parser as a value from outside, so a wrong one fails at import, not in production. */
const variable = <T>(key: string, kind: Kind<T>, options: Required<T> | Optional): Variable<T> => {
  if (!/^[A-Z][A-Z0-9_]*$/.test(key)) throw new Error(`not an environment key: ${key}`);
  if (options.default !== undefined) {
    const checked = kind.parse(String(options.default));
    if (!checked.ok) throw new Error(`default of ${key}: ${checked.reason}`);
  }
  return {
    key,
    kind: kind.kind,
    description: options.description ?? '',
    secret: options.secret ?? false,
    optional: options.optional ?? false,
    default: options.default,
    parse: kind.parse,
  };
};

export interface Make<T, X = unknown> {
  (key: string, options: Optional & X): Variable<T | undefined>;
  (key: string, options?: Required<T> & X): Variable<T>;
}
/** The overloads of `Make` say what callers get; behind them one function does both. */
const make = <T, X>(kind: (extra: Partial<X>) => Kind<T>): Make<T, Partial<X>> =>
  ((key: string, options: (Required<T> | Optional) & Partial<X> = {}) => variable(key, kind(options), options)) as Make<T, Partial<X>>;

interface Range {
  readonly min?: number;
  readonly max?: number;
}
const rangeText = ({ min, max }: Range): string => (min === undefined && max === undefined ? '' : ` ${min ?? ''}…${max ?? ''}`);

const numeric = (noun: string, pattern: RegExp, { min, max }: Range): Kind<number> => {
  const kind = `${noun}${rangeText({ ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) })}`;
  return {
    kind,
    parse: (text) => {
      const value = Number(text);
      const fits = pattern.test(text) && Number.isFinite(value) && value >= (min ?? -Infinity) && value <= (max ?? Infinity);
      return fits ? ok(value) : no(`must be ${kind}`);
    },
  };
};
const wholeNumber = /^-?\d{1,15}$/;
const anyNumber = /^-?\d+(\.\d+)?(e-?\d+)?$/;

export const integerVar = make<number, Range>((range) => numeric('integer', wholeNumber, range));
export const numberVar = make<number, Range>((range) => numeric('number', anyNumber, range));
/** 0 means: any free port. */
export const portVar = make<number, object>(() => numeric('port', wholeNumber, { min: 0, max: 65_535 }));
/** Milliseconds. */
export const durationVar = make<number, Range>((range) => numeric('milliseconds', wholeNumber, { min: 0, ...range }));

export const booleanVar = make<boolean, object>(() => ({
  kind: 'true or false',
  parse: (text) =>
    text === 'true' || text === '1' ? ok(true) : text === 'false' || text === '0' ? ok(false) : no('must be true or false'),
}));

interface TextOptions {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: RegExp;
}
const text = (noun: string, { minLength = 1, maxLength = 4096, pattern }: TextOptions): Kind<string> => ({
  kind: noun,
  parse: (value) => {
    if (value.length < minLength) return no(`must have at least ${minLength} characters`);
    if (value.length > maxLength) return no(`must have at most ${maxLength} characters`);
    return pattern === undefined || pattern.test(value) ? ok(value) : no(`must match ${pattern.source}`);
  },
});
export const textVar = make<string, TextOptions>((options) => text('text', options));

/** A text that is never printed. */
export const secretVar: Make<string, TextOptions> = ((key: string, options: (Required<string> | Optional) & TextOptions = {}) =>
  variable(key, text('secret', options), { ...options, secret: true })) as Make<string, TextOptions>;

/** A URL, kept as text. */
export const urlVar = make<string, { readonly protocols: readonly string[] }>(({ protocols }) => ({
  kind: protocols === undefined ? 'URL' : `URL (${protocols.join(', ')})`,
  parse: (value) => {
    if (!URL.canParse(value)) return no('must be a URL');
    const protocol = new URL(value).protocol.slice(0, -1);
    return protocols === undefined || protocols.includes(protocol) ? ok(value) : no(`must be a URL of ${protocols.join(' or ')}`);
  },
}));

/** "host:port" of another process; an IPv6 host stands in brackets. */
export const addressVar = make<string, object>(() => ({
  kind: 'host:port',
  parse: (value) => {
    const port = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value)?.[1];
    return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535 ? ok(value) : no('must be host:port');
  },
}));

/** One of a closed list. */
export const choiceVar: {
  <const C extends string>(key: string, choices: readonly C[], options: Optional): Variable<C | undefined>;
  <const C extends string>(key: string, choices: readonly C[], options?: Required<NoInfer<C>>): Variable<C>;
} = <const C extends string>(key: string, choices: readonly C[], options: Required<C> | Optional = {}): Variable<C> =>
  variable<C>(
    key,
    {
      kind: `one of ${choices.join(', ')}`,
      parse: (value) => {
        const found = choices.find((choice) => choice === value);
        return found === undefined ? no(`must be one of ${choices.join(', ')}`) : ok(found);
      },
    },
    options,
  );
