// What send-mails answers.

import { workerContract } from "../_shared/worker-contract.ts";

export const contract = workerContract("Send mails of notifications and invitations", "mails");
