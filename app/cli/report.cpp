// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report.h"

#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/session/evaluate.h"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string run;
    std::string model;
    std::string compare;
    std::string title;
    std::string out;
    std::string csv;
};

/// A report over one of its runs, or over the other file, would destroy it.
void expectApart(const std::string& written, const std::string& other)
{
    std::error_code ignored;
    if (!written.empty() && !other.empty() &&
        (written == other || std::filesystem::equivalent(written, other, ignored)))
        throw Error(ErrorCode::Usage, concat(quoted(written), " would be overwritten, expected a "
                                                              "file of its own for each output"));
}

void printWritten(const std::string& file)
{
    std::printf("wrote %s (%s)\n", file.c_str(),
                formatBytes(std::filesystem::file_size(file)).c_str());
}

int runReport(const Arguments& arguments)
{
    for (const std::string& out : {arguments.out, arguments.csv})
        for (const std::string& run : {arguments.run, arguments.compare})
            expectApart(out, run);
    expectApart(arguments.csv, arguments.out);
    const auto nameOf = [](const std::string& file) {
        return std::filesystem::path(file).stem().string();
    };
    ReportRequest request;
    request.run = readRun(arguments.run);
    request.runName = nameOf(arguments.run);
    if (!arguments.compare.empty()) {
        request.compared = readRun(arguments.compare);
        request.comparedName = nameOf(arguments.compare);
    }
    request.model = openRunModel(*request.run, arguments.model);
    request.title = arguments.title;
    TerminalMonitor monitor(false);
    writeReport(request, arguments.out, monitor);
    if (!arguments.csv.empty())
        writeReportCsv(request, arguments.csv, monitor);
    monitor.clear();
    printWritten(arguments.out);
    if (!arguments.csv.empty())
        printWritten(arguments.csv);
    return 0;
}

} // namespace

void addReport(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand(
        "report", "Write an HTML page about a run: recipe, totals, table of layers, charts");
    const auto a = std::make_shared<Arguments>();
    verb->add_option("RUN", a->run, "Run file")->required();
    verb->add_option("--model", a->model, "The run's model, when it has moved");
    verb->add_option("--compare", a->compare, "A second run to compare with");
    verb->add_option("--title", a->title, "Title of the page");
    verb->add_option("--out", a->out, "HTML file to write")->required();
    verb->add_option("--csv", a->csv, "Write the table of layers to this file too");
    add(verb, [a] { return runReport(*a); });
}

} // namespace gradus::cli
