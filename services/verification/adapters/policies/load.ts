import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { lateCodePolicies, type Policies } from '../../domain/policies.ts';

const percent = Type.Integer({ minimum: 0, maximum: 100 });
const schema = Compile(
  Type.Object(
    {
      anotherCode: Type.Object(
        {
          chargePercent: percent,
          chargePercentOf: Type.Record(Type.String({ pattern: '^[a-z0-9-]{2,40}$' }), percent),
          maxCodes: Type.Integer({ minimum: 1, maximum: 100 }),
        },
        { additionalProperties: false },
      ),
      retry: Type.Object({ avoidRoute: Type.Boolean() }, { additionalProperties: false }),
      lateCodes: Type.Object(
        { windowMinutes: Type.Integer({ minimum: 0, maximum: 1_440 }), retryMinutes: Type.Integer({ minimum: 1, maximum: 60 }) },
        { additionalProperties: false },
      ),
      defaultPlan: Type.String(),
      plans: Type.Record(
        Type.String({ pattern: '^[a-z]{2,40}$' }),
        Type.Object(
          { lateCode: Type.Enum([...lateCodePolicies]), retentionDays: Type.Integer({ minimum: 1, maximum: 3_650 }) },
          { additionalProperties: false },
        ),
      ),
    },
    { additionalProperties: false },
  ),
);

/** Reads and checks the rules of the life cycle: a wrong file refuses to start. */
export const loadPolicies = (file: URL): Policies => {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!schema.Check(value)) {
    const [first] = schema.Errors(value);
    throw new Error(`${file.pathname}: ${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`);
  }
  if (!(value.defaultPlan in value.plans)) throw new Error(`${file.pathname}: there is no plan "${value.defaultPlan}"`);
  return value;
};
