import { onlyInNewest } from "./cases.ts";
import { goClient } from "./goClient.ts";
import { describeClient } from "./suite.ts";

describeClient("the Go client", goClient, { lacks: onlyInNewest, omitsNulls: ["keys.updateKey"] });
