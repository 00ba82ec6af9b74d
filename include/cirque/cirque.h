#pragma once
// The whole framework.
#include "cirque/address.h"
#include "cirque/app.h"
#include "cirque/arena.h"
#include "cirque/clock.h"
#include "cirque/exchange.h"
#include "cirque/http.h"
#include "cirque/result.h"
#include "cirque/server.h"
#include "cirque/settings.h"
#include "cirque/task.h"
