// SPDX-License-Identifier: MIT
// The only C++ of the platform: an adapter that lets SystemC call agents. No numbers, no policy: in
// which order agents run that are due at the same time, which SystemC leaves open, says the agenda.
// A shared module of its own: kernel.c opens it and calls what the table at the end names.
#include "agenda.h"
#include "functions.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <systemc>

// libsystemc exports a main() that wants this; the program has its own.
extern "C" int sc_main(int, char **)
{
    return 0;
}

namespace
{

class agent_module;

struct systemc_kernel {
    std::vector<std::unique_ptr<agent_module>> agents;
    vs_agenda agenda = {};
    bool stopped = false;
};

class agent_module : public sc_core::sc_module
{
  public:
    SC_HAS_PROCESS(agent_module);

    agent_module(const sc_core::sc_module_name &name, const vs_agent &agent, systemc_kernel &kernel,
                 unsigned number)
        : sc_core::sc_module(name), agent_(agent), kernel_(kernel), number_(number)
    {
        SC_METHOD(run);
    }

    // Has SystemC run the agent at `at_ps`, or now if that has passed.
    void wake(uint64_t at_ps)
    {
        const uint64_t now = sc_core::sc_time_stamp().value();
        const uint64_t at = at_ps > now ? at_ps : now;
        vs_agenda_wake(&kernel_.agenda, number_, at);
        wake_.notify(sc_core::sc_time::from_value(at - now));
    }

  private:
    // One step if it is this agent's turn, and back to sleep until it is due: a delta cycle later
    // where another one that is due at this time goes first.
    void run()
    {
        const uint64_t now = sc_core::sc_time_stamp().value();
        uint64_t first_ps = 0;
        if (!kernel_.stopped && vs_agenda_first(&kernel_.agenda, &first_ps) == number_ &&
            first_ps <= now) {
            const uint64_t horizon = vs_agenda_begin(&kernel_.agenda, number_, now);
            const uint64_t next = agent_.step(agent_.ctx, now, horizon);
            vs_agenda_end(&kernel_.agenda, number_, next > now ? next : now);
            vs_agenda_pass(&kernel_.agenda);
        }
        const uint64_t due = vs_agenda_due(&kernel_.agenda, number_);
        if (due == VS_NEVER) {
            next_trigger(wake_);
        } else {
            next_trigger(sc_core::sc_time::from_value(due > now ? due - now : 0), wake_);
        }
    }

    vs_agent agent_;
    systemc_kernel &kernel_;
    unsigned number_;
    sc_core::sc_event wake_;
};

// A kernel in SystemC's fresh context; what SystemC calls errors is thrown.
void *create()
{
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
    sc_core::sc_report_handler::set_actions(sc_core::SC_ERROR, sc_core::SC_THROW);
    return new (std::nothrow) systemc_kernel;
}

// A module of SystemC for the agent, under a name that SystemC takes.
bool add(void *kernel, const vs_agent *agent, unsigned *number)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    *number = k->agenda.n;
    if (!vs_agenda_add(&k->agenda, agent)) {
        return false;
    }
    std::string name = agent->name;
    for (char &c : name) {
        c = c == '/' || c == '.' ? '_' : c;
    }
    k->agents.push_back(std::make_unique<agent_module>(name.c_str(), *agent, *k, *number));
    return true;
}

// As agent_module's.
void wake(void *kernel, unsigned agent, uint64_t at_ps)
{
    static_cast<systemc_kernel *>(kernel)->agents[agent]->wake(at_ps);
}

// SystemC until nothing is pending or stop().
bool run(void *kernel, char *error, size_t bytes)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    try {
        sc_core::sc_start();
        k->stopped = true;
        return true;
    } catch (const std::exception &e) {
        std::snprintf(error, bytes, "SystemC: %s", e.what());
        return false;
    }
}

// The delta cycle under way ends; no agent is called in it.
void stop(void *kernel)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    if (!k->stopped) {
        k->stopped = true;
        sc_core::sc_stop();
    }
}

// Modules must be gone before the context, which is made afresh for the next machine of this
// process.
void destroy(void *kernel)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    k->agents.clear();
    vs_agenda_free(&k->agenda);
    delete k;
    sc_core::sc_get_curr_simcontext()->reset();
}

} // namespace

extern "C" {
extern const vs_kernel_functions vs_kernel_systemc;
const vs_kernel_functions vs_kernel_systemc = {create, add, wake, run, stop, destroy};
}
