import { requireKey as forNext } from "../src/next.ts";
import { nodeFrames } from "./nodeFrames.ts";

import { type Frame, serveWeb } from "./serving.ts";
import { webFrames } from "./webFrames.ts";

/** Every framework with a guard. */
export const frames: Frame[] = [...webFrames, ...nodeFrames];

/** A Next.js proxy lets a request pass by returning nothing. */
export const nextProxy: Frame = {
  name: "a Next.js proxy",
  address: "unknown",
  async serve(latchkey, options) {
    const count = { reached: 0 };
    const proxy = forNext(latchkey, options);
    return serveWeb(async (request) => {
      const refusal = await proxy(request);
      if (refusal !== undefined) return refusal;
      count.reached += 1;
      return Response.json({});
    }, count);
  },
};
