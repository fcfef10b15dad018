import assert from "node:assert/strict";
import { internalOf, serviceCall } from "../_shared/internal-fixture.ts";
import type { Job } from "../_shared/worker.ts";
import { createHandler } from "./handler.ts";

/** A queue of these jobs, a Storage that fails for the paths in `broken`, and files with the paths in `kept`. */
function setUp(jobs: Job[], broken: string[] = [], kept: string[] = []) {
  const waiting = [...jobs];
  const removed: string[] = [];
  const finished: number[] = [];
  const failed: string[] = [];
  const handle = createHandler({
    internal: internalOf(),
    queue: {
      take: async () => waiting.splice(0, 2),
      finish: async ({ job_id }) => finished.push(job_id) > 0,
      fail: async ({ job_id }, error, final) =>
        void failed.push(`${job_id}: ${error}${final ? ", final" : ""}`),
    },
    keepsObject: async (_bucket, path) => kept.includes(path),
    removeObject: async (bucket, path) => {
      if (broken.includes(path)) throw new Error("storage is down");
      removed.push(`${bucket}/${path}`);
    },
    log: () => {},
  });
  return { handle, removed, finished, failed };
}

const post = serviceCall();
const job = (job_id: number, path: string): Job => ({
  job_id,
  attempt: 1,
  message: { bucket: "avatars", path },
});

Deno.test("removes the objects of its jobs", async () => {
  const { handle, removed, finished } = setUp([job(1, "a/1.png"), job(2, "a/2.png"), job(3, "b/1.png")]);
  const response = await handle(post.clone());
  assert.deepEqual(await response.json(), { done: 3, failed: 0 });
  assert.deepEqual(removed, ["avatars/a/1.png", "avatars/a/2.png", "avatars/b/1.png"]);
  assert.deepEqual(finished, [1, 2, 3]);
});

Deno.test("leaves an object that a file has, and finishes its job", async () => {
  const { handle, removed, finished } = setUp([job(1, "a/1.png"), job(2, "a/2.png")], [], ["a/1.png"]);
  assert.deepEqual(await (await handle(post.clone())).json(), { done: 2, failed: 0 });
  assert.deepEqual([removed, finished], [["avatars/a/2.png"], [1, 2]]);
});

Deno.test("fails a job that Storage refuses, and continues with the others", async () => {
  const { handle, finished, failed } = setUp([job(1, "a/1.png"), job(2, "a/2.png")], ["a/1.png"]);
  assert.deepEqual(await (await handle(post.clone())).json(), { done: 1, failed: 1 });
  assert.deepEqual([finished, failed], [[2], ["1: storage is down"]]);
});

Deno.test("fails a job with an invalid message permanently", async () => {
  const { handle, removed, failed } = setUp([{ job_id: 1, attempt: 1, message: { bucket: "avatars" } }]);
  assert.deepEqual(await (await handle(post.clone())).json(), { done: 0, failed: 1 });
  assert.deepEqual([removed, failed], [[], ["1: the message is not { bucket, path }, final"]]);
});
