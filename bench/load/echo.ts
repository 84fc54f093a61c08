/** A process that sends back what it is sent: the far end of the loopback calibration. */
import { answerOrders } from "../processes/child.ts";
import { openEcho } from "./calibration.ts";

answerOrders<"open", number>(() => openEcho());
