"""Small bugs of the kind that loses work or lets somebody in: does the suite catch them?"""
