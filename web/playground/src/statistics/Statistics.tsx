/** What a project's streams did: now, and in a range of time. */

import type { HeadraceError } from "@headrace/client";

import { problemTitle } from "../problems";
import { useLanguage } from "../words";
import { Head } from "./Head";
import { Live } from "./Live";
import { useAnswer, useLooking, useProjects } from "./looking";
import { Shown } from "./Shown";
import { Timeline } from "./Timeline";
import { useStatisticsWords } from "./words";

export default function Statistics(): React.JSX.Element {
  const words = useStatisticsWords();
  const projects = useProjects();
  const looking = useLooking();
  const { given, looked, stream, go } = looking;
  const project = projects && (given.project || (projects.has("default") ? "default" : ([...projects.keys()][0] ?? "default")));
  const { answer, question, failed, again } = useAnswer(project, projects?.get(project ?? "") ?? false, given, looked);
  const callerName = answer?.byCaller?.find(({ caller }) => caller === given.caller)?.name || given.caller;
  return (
    <main className="min-h-0 flex-1 overflow-y-auto px-3 pb-6 md:px-4">
      <div className="mx-auto flex max-w-7xl flex-col gap-3">
        <Head {...looking} projects={[...(projects?.keys() ?? [])]} project={project} callerName={callerName} />
        {project && looked.to === undefined && <Live project={project} />}
        {failed && <Failed problem={failed} onAgain={again} />}
        {!answer && !failed && <p className="py-16 text-center text-sm text-quiet" role="status">{words.loading}</p>}
        {answer && question && <Shown answer={answer} question={question} looking={looking} />}
      </div>
      {stream && project && <Timeline project={project} id={stream} onClose={() => go({})} />}
    </main>
  );
}

function Failed({ problem, onAgain }: { problem: HeadraceError; onAgain: () => void }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  return (
    <div className="rounded-2xl border border-bad/30 bg-bad-soft px-4 py-3 text-sm" role="alert">
      <p className="font-semibold text-bad">{problem.code === "not_found" ? words.nothingThere : problemTitle(problem.code, language)}</p>
      <p className="mt-0.5 break-words">{problem.message}</p>
      <button className="button mt-2 h-8" type="button" onClick={onAgain}>{words.retryNow}</button>
    </div>
  );
}
