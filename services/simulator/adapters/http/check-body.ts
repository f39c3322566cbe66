import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { FieldViolation } from '#platform/errors/index.ts';
import { invalid } from './problem.ts';

const jsonPath = (pointer: string, last?: string): string =>
  [...pointer.split('/').filter((part) => part !== ''), ...(last === undefined ? [] : [last])]
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');

/**
 * A strict reader of bodies: compiled once, and every unknown key is refused by its name.
 * @throws request.invalid with one violation for each wrong field
 */
export const bodyReader = <const Schema extends TSchema>(schema: Schema): ((body: unknown) => Static<Schema>) => {
  const validator = Compile(schema);
  return (body) => {
    if (validator.Check(body)) return body as Static<Schema>;
    const fields: FieldViolation[] = [];
    for (const error of validator.Errors(body)) {
      // The twin of an additionalProperties error.
      if (error.keyword === 'boolean') continue;
      const params = error.params as { additionalProperties?: string[]; requiredProperties?: string[] };
      if (params.additionalProperties !== undefined) {
        fields.push(
          ...params.additionalProperties.map((key) => ({ field: jsonPath(error.instancePath, key), reason: 'is not a known key' })),
        );
      } else if (params.requiredProperties !== undefined) {
        fields.push(...params.requiredProperties.map((key) => ({ field: jsonPath(error.instancePath, key), reason: 'is required' })));
      } else if (!fields.some(({ field }) => field === jsonPath(error.instancePath))) {
        fields.push({ field: jsonPath(error.instancePath) || 'body', reason: error.message });
      }
    }
    throw invalid(fields);
  };
};
