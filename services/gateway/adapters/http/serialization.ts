import fastJson from 'fast-json-stringify';
import type { FastifySerializerCompiler } from 'fastify';

/**
 * Each schema becomes code once, whatever number of routes and statuses it answers for. Fastify's own compiler does so for each of two thousand,
 * though there are 120 different ones: half of a gateway's start.
 */
export const serializerCompiler = (): FastifySerializerCompiler<object> => {
  const compiled = new Map<object, (data: unknown) => string>();
  return ({ schema }) => {
    let serialize = compiled.get(schema);
    if (serialize === undefined) compiled.set(schema, (serialize = fastJson(schema)));
    return serialize;
  };
};
