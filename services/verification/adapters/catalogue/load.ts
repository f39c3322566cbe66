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
            handlerApi: Type.String({ pattern: '^[a-z0-9]{2,4}$' }),
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
        dialCode: Type.String({ pattern: String.raw`^\+[1-9]\d{0,3}$` }),
        priceFactor: decimal,
        providerCodes: Type.Object(
          {
            handlerApi: Type.Integer({ minimum: 0 }),
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

interface Check<T> {
  Check(value: unknown): value is T;
  Errors(value: unknown): readonly { instancePath: string; message: string }[];
}

const read = <T>(file: URL, schema: Check<T>): T => {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (schema.Check(value)) return value;
  const [first] = schema.Errors(value);
  throw new Error(`${file.pathname}${first ? `: ${first.instancePath} ${first.message}` : ' is not valid'}`);
};

/** Reads and checks the data files: a wrong catalogue refuses to start. */
export const loadCatalogue = (folder: URL): Catalogue =>
  createCatalogue({
    services: read(new URL('services.json', folder), servicesSchema),
    countries: read(new URL('countries.json', folder), countriesSchema),
  });
