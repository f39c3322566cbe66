import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { type Catalogue, createCatalogue } from '../../domain/catalogue.ts';

const decimal = Type.String({ pattern: String.raw`^\d{1,3}\.\d{2}$` });

const servicesSchema = Compile(
  Type.Array(
    Type.Object(
      {
        code: Type.String({ pattern: '^[a-z0-9-]{2,40}$' }),
        name: Type.String({ minLength: 1, maxLength: 60 }),
        aliases: Type.Array(Type.String({ minLength: 1, maxLength: 60 })),
        category: Type.String({ pattern: '^[a-z]{2,20}$' }),
        policyClass: Type.Union([Type.Literal('open'), Type.Literal('restricted'), Type.Literal('blocked')]),
        basePrice: decimal,
        providerCodes: Type.Object(
          {
            handlerApi: Type.Optional(Type.String({ pattern: '^[a-z]{2,3}$' })),
            fiveSim: Type.Optional(Type.String({ pattern: '^[a-z0-9]{2,40}$' })),
            textVerified: Type.Optional(Type.String({ pattern: '^[a-z0-9]{2,40}$' })),
          },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
    { minItems: 1 },
  ),
);

const countriesSchema = Compile(
  Type.Array(
    Type.Object(
      {
        code: Type.String({ pattern: '^[A-Z]{2}$' }),
        name: Type.String({ minLength: 1, maxLength: 60 }),
        /** What people call it besides. */
        aliases: Type.Optional(Type.Array(Type.String({ minLength: 2, maxLength: 60 }), { minItems: 1 })),
        dialCode: Type.String({ pattern: String.raw`^\+[1-9]\d{0,3}$` }),
        priceFactor: decimal,
        providerCodes: Type.Object(
          {
            handlerApi: Type.Optional(Type.Integer({ minimum: 0 })),
            fiveSim: Type.Optional(Type.String({ pattern: '^[a-z]{2,40}$' })),
            textVerified: Type.Optional(Type.Literal('us')),
          },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
    { minItems: 1 },
  ),
);

/** By country: operators or area codes. */
const choicesSchema = (code: string) =>
  Compile(
    Type.Record(
      Type.String({ pattern: '^[A-Z]{2}$' }),
      Type.Array(
        Type.Object(
          {
            code: Type.String({ pattern: code }),
            name: Type.String({ minLength: 1, maxLength: 60 }),
            providerCodes: Type.Object(
              {
                handlerApi: Type.Optional(Type.String({ pattern: '^[a-z0-9_]{1,40}$' })),
                fiveSim: Type.Optional(Type.String({ pattern: '^[a-z0-9]{1,40}$' })),
                textVerified: Type.Optional(Type.String({ pattern: '^[a-z0-9]{1,40}$' })),
              },
              { additionalProperties: false, minProperties: 1 },
            ),
          },
          { additionalProperties: false },
        ),
        { minItems: 1 },
      ),
    ),
  );
const operatorsSchema = choicesSchema('^[a-z0-9-]{1,40}$');
const areaCodesSchema = choicesSchema(String.raw`^\d{1,5}$`);
const iconsSchema = Compile(Type.Record(Type.String({ pattern: '^[a-z0-9-]{2,40}$' }), Type.String({ pattern: '^[a-z0-9]{1,60}$' })));

interface Check<T> {
  Check(value: unknown): value is T;
  Errors(value: unknown): readonly { instancePath: string; message: string }[];
}

const checked = <T>(file: URL, text: string, schema: Check<T>): T => {
  const value: unknown = JSON.parse(text);
  if (schema.Check(value)) return value;
  const [first] = schema.Errors(value);
  throw new Error(`${file.pathname}${first ? `: ${first.instancePath} ${first.message}` : ' is not valid'}`);
};

/** Reads and checks the data files: a wrong catalogue refuses to start. Its version is what stands in them. */
export const loadCatalogue = (folder: URL): Catalogue => {
  const hash = createHash('sha256');
  const read = <T>(name: string, schema: Check<T>): T => {
    const file = new URL(name, folder);
    const text = readFileSync(file, 'utf8');
    hash.update(`${name}\n${text}\n`);
    return checked(file, text, schema);
  };
  const data = {
    services: read('services.json', servicesSchema),
    countries: read('countries.json', countriesSchema),
    operators: read('operators.json', operatorsSchema),
    areaCodes: read('area-codes.json', areaCodesSchema),
    icons: read('icons.json', iconsSchema),
  };
  return createCatalogue({ ...data, version: hash.digest('hex').slice(0, 16) });
};
