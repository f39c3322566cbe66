import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { parseDecimal } from '#platform/money/index.ts';
import { dayMs, hourMs } from '#platform/time/index.ts';
import type { Catalogue, PolicyClass } from '../../domain/catalogue.ts';
import type { Level, Limits, PolicyRules } from '../../domain/policy/rules.ts';
import { createScreen, type Screen } from '../../domain/policy/screen.ts';

const closed = { additionalProperties: false } as const;
const count = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const limits = {
  maxOpen: count,
  maxOpenRentals: count,
  maxPurchasesPerHour: count,
  maxCancelsPerHour: count,
  maxSpendPerDay: Type.String({ pattern: String.raw`^\d{1,9}\.\d{2}$` }),
};
const level = Type.Object({ name: Type.String({ pattern: '^[a-z]{2,20}$' }), restricted: Type.Boolean(), ...limits }, closed);

const levelsSchema = Compile(
  Type.Object(
    {
      levels: Type.Array(level, { minItems: 4, maxItems: 4 }),
      newAccount: Type.Object({ hours: count, belowLevel: Type.Integer({ minimum: 0, maximum: 4 }), ...limits }, closed),
      successFloor: Type.Object(
        {
          minOutcomes: count,
          percent: Type.Integer({ minimum: 0, maximum: 100 }),
          blockHours: count,
          acknowledgements: Type.Integer({ minimum: 0, maximum: 1_000 }),
          acknowledgementDays: count,
        },
        closed,
      ),
      bans: Type.Object(
        {
          threshold: Type.Number({ exclusiveMinimum: 0 }),
          halfLifeDays: count,
          endScore: Type.Number({ exclusiveMinimum: 0 }),
          reportMemoryDays: count,
          leaseMemoryDays: count,
        },
        closed,
      ),
    },
    closed,
  ),
);
const policyClass = Type.Union([Type.Literal('open'), Type.Literal('restricted'), Type.Literal('blocked')]);
const classesSchema = Compile(Type.Record(Type.String({ pattern: '^[a-z]{2,20}$' }), policyClass));

const screenSchema = Compile(
  Type.Array(
    Type.Object(
      {
        id: Type.String({ pattern: '^[a-z-]{2,40}$' }),
        category: Type.String({ pattern: '^[a-z]{0,20}$' }),
        kind: Type.Union([Type.Literal('brand'), Type.Literal('keyword')]),
        values: Type.Array(Type.String({ minLength: 2, maxLength: 100 }), { minItems: 1, maxItems: 500 }),
      },
      closed,
    ),
  ),
);

const strictness: Readonly<Record<PolicyClass, number>> = { open: 0, restricted: 1, blocked: 2 };

/** Each category's least class: a service may be stricter than its category, never laxer. @throws Error naming the first that is */
const checkClasses = (catalogue: Catalogue, classes: Readonly<Record<string, PolicyClass>>): void => {
  const lax = catalogue.services.find((service) => strictness[service.policyClass] < strictness[classes[service.category] ?? 'open']);
  if (lax) throw new Error(`"${lax.code}" is ${lax.policyClass}, its category ${lax.category} is ${classes[lax.category]}`);
};

const limitsOf = (data: Omit<Limits, 'maxSpendPerDayMicros'> & { readonly maxSpendPerDay: string }): Limits => ({
  maxOpen: data.maxOpen,
  maxOpenRentals: data.maxOpenRentals,
  maxPurchasesPerHour: data.maxPurchasesPerHour,
  maxCancelsPerHour: data.maxCancelsPerHour,
  maxSpendPerDayMicros: parseDecimal(data.maxSpendPerDay) ?? 0n,
});

const read = (file: URL): unknown => JSON.parse(readFileSync(file, 'utf8'));

/** Reads and checks levels.json and classes.json: wrong rules refuse to start. */
export const loadPolicy = (folder: URL, catalogue: Catalogue): PolicyRules => {
  const classes = read(new URL('classes.json', folder));
  if (!classesSchema.Check(classes)) throw new Error('classes.json is not valid');
  checkClasses(catalogue, classes);
  const data = read(new URL('levels.json', folder));
  if (!levelsSchema.Check(data)) {
    const [first] = levelsSchema.Errors(data);
    throw new Error(`levels.json: ${first ? `${first.instancePath} ${first.message}` : 'is not valid'}`);
  }
  const { newAccount, successFloor, bans } = data;
  const levels = data.levels.map((one): Level => ({ ...limitsOf(one), name: one.name, restricted: one.restricted }));
  const [none, basic, enhanced, full] = levels;
  if (!none || !basic || !enhanced || !full) throw new Error('levels.json: there are four levels');
  if (bans.endScore >= bans.threshold) throw new Error('levels.json: a ban must end below the score that it begins with');
  return {
    levels: [none, basic, enhanced, full],
    newAccount: { ...limitsOf(newAccount), lifeMs: newAccount.hours * hourMs, belowLevel: newAccount.belowLevel },
    successFloor: {
      minOutcomes: successFloor.minOutcomes,
      percent: successFloor.percent,
      blockMs: successFloor.blockHours * hourMs,
      acknowledgements: successFloor.acknowledgements,
      acknowledgementMs: successFloor.acknowledgementDays * dayMs,
    },
    bans: {
      threshold: bans.threshold,
      halfLifeMs: bans.halfLifeDays * dayMs,
      endScore: bans.endScore,
      reportMemoryMs: bans.reportMemoryDays * dayMs,
      leaseMemoryMs: bans.leaseMemoryDays * dayMs,
    },
  };
};

/** Reads and checks screen.json: a wrong rule refuses to start. */
export const loadScreen = (folder: URL): Screen => {
  const rules = read(new URL('screen.json', folder));
  if (!screenSchema.Check(rules)) throw new Error('screen.json is not valid');
  return createScreen(rules);
};
