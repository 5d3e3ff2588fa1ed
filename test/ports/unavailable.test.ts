import { expect, test } from "vitest";
import { storeUnavailable } from "../../src/adapters/redis/unavailable.ts";
import { StoreUnavailable } from "../../src/domain/ports/faults.ts";

test.each([
  ["READONLY You can't write against a read only replica. script: 0f1e, on @user_script:12.", "(READONLY)"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "(OOM)"],
  ["LOADING Redis is loading the dataset in memory", "(LOADING)"],
  ["CLUSTERDOWN Hash slot not served", "(CLUSTERDOWN)"],
  ["NOAUTH Authentication required.", "(NOAUTH)"],
  ["Too many Cluster redirections. Last error: ReplyError: MOVED 1 10.0.0.1:1", "did not answer"],
  ["connect ECONNREFUSED 127.0.0.1:6379", "did not answer"],
  ["Command timed out", "did not answer"],
])("%s becomes the port's error, which names the code and nothing else", (text, message) => {
  const cause = new Error(text);
  const error = storeUnavailable(cause);
  expect(error).toBeInstanceOf(StoreUnavailable);
  expect(error.message).toContain(message);
  expect(error.message).not.toMatch(/\d|hash|script|memory/i);
  expect(error.cause).toBe(cause);
  expect(storeUnavailable(error)).toBe(error);
});
