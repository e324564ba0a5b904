// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/session/program.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <new>

namespace {

constexpr int failed = 1;
constexpr int usage = 2;
constexpr int interruptedStatus = 130;

int run(int argc, char** argv)
{
    using namespace gradus;
    CLI::App program("Gradus: post-training quantization of neural networks", "gradus-cli");
    program.set_version_flag("--version", programName());
    program.require_subcommand(1);
    program.failure_message(CLI::FailureMessage::simple);

    cli::Action chosen;
    const cli::AddAction add = [&](CLI::App* verb, cli::Action action) {
        verb->callback([&chosen, action = std::move(action)] { chosen = action; });
    };
    cli::addInspect(program, add);
    cli::addStats(program, add);
    cli::addQuantize(program, add);
    cli::addAllocate(program, add);
    cli::addEvaluate(program, add);
    cli::addGenerate(program, add);
    cli::addRun(program, add);
    cli::addExport(program, add);
    cli::addVerify(program, add);
    cli::addReport(program, add);
    cli::addMethods(program, add);

    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : usage;
    }
    try {
        return chosen();
    } catch (const Cancelled&) {
        std::fputs("gradus-cli: interrupted\n", stderr);
        return interruptedStatus;
    } catch (const Error& error) {
        std::fprintf(stderr, "gradus-cli: %s\n", error.what());
        return error.code() == ErrorCode::Usage ? usage : failed;
    } catch (const std::bad_alloc&) {
        std::fputs("gradus-cli: out of memory\n", stderr);
        return failed;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "gradus-cli: internal error: %s\n", error.what());
        return failed;
    }
}

} // namespace

int main(int argc, char** argv)
{
    return run(argc, argv);
}
