import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { normalise } from '../../domain/code/normalise.ts';
import { compilePatterns } from '../../domain/code/patterns.ts';
import { createCodeReader, type ReadCode } from '../../domain/code/read-code.ts';

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const schema = Compile(
  Type.Object(
    {
      version: Type.String({ pattern: String.raw`^\d{4}-\d{2}-\d{2}(?:\.\d{1,3})?$` }),
      services: Type.Record(
        Type.String({ pattern: '^[a-z0-9-]{1,40}$' }),
        Type.Array(Type.Object({ pattern: text(300), example: text(400) }, { additionalProperties: false }), { minItems: 1, maxItems: 20 }),
      ),
    },
    { additionalProperties: false },
  ),
);

/**
 * Reads `data/code-patterns.json` and proves every pattern on its own example.
 * @throws when the file, a pattern or an example is wrong: the service does not start then
 */
export const loadCodeReader = (file: URL, isService: (code: string) => boolean): ReadCode => {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!schema.Check(value)) {
    const [first] = schema.Errors(value);
    throw new Error(`${file.pathname}: ${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`);
  }
  return createCodeReader(compilePatterns(value, { isService, normalise }));
};
